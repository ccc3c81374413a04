/** The status of an answer that is complete; null: more is to come. Only one request is on its way at a time. */
export function wholeAnswer(text: string): number | null {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) return null;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text);
  if (length === null || length.index > headEnd) return /0\r\n\r\n$/.test(text) ? statusOf(text) : null;
  return text.length >= headEnd + 4 + Number(length[1]) ? statusOf(text) : null;
}

function statusOf(text: string): number {
  return Number(text.slice(9, 12));
}
