/** What a status may be (RFC 9110, 15), since parsers of HTTP take any three digits for one: `099`, `000`. */

/** 101 is none of them: it ends the exchange, and is said only to a caller who asked to switch protocols. */
export function isInformational(status: number): boolean {
  return status >= 100 && status < 200 && status !== 101;
}

/** Classes above 5 are nobody's, but they have been seen, and can be passed on as they are. */
export function isFinal(status: number): boolean {
  return status >= 200 && status <= 999;
}
