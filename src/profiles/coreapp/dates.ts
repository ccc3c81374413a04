/** The one form of date that strict clients read, in UTC and whole seconds: `2018-03-01 15:29:26+00:00`. */
export function contractDate(wallMs: number): string {
  return `${new Date(wallMs).toISOString().slice(0, 19).replace('T', ' ')}+00:00`;
}
