/** What a head says of its body and its connection (RFC 9112, 6 and 9.3). */
import { chunked, lengthForm, type RequestMessage, type Unreadable, unreadable } from './message.ts';

const twoLengths = unreadable('There is more than one Content-Length.');
const noLength = unreadable('Content-Length is no number of bytes.');
const both = unreadable('There are both Content-Length and Transfer-Encoding.');
const codings = unreadable('The only Transfer-Encoding that is understood is one that says chunked, in HTTP/1.1.');

export function framingOfRequest(
  method: string,
  target: string,
  version: '1.1' | '1.0',
  fields: string[],
): RequestMessage | Unreadable {
  let length: string | null = null;
  let coding: string | null = null;
  let connection = '';
  let expectsContinue = false;
  let protocols = '';
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    switch (name.length) {
      case 6:
        if (name.toLowerCase() === 'expect') expectsContinue = value.toLowerCase() === '100-continue';
        break;
      case 7:
        if (name.toLowerCase() === 'upgrade') protocols += `,${value}`;
        break;
      case 10:
        if (name.toLowerCase() === 'connection') connection += `,${value}`;
        break;
      case 14:
        if (name.toLowerCase() !== 'content-length') break;
        if (length !== null) return twoLengths;
        length = value;
        break;
      case 17:
        if (name.toLowerCase() !== 'transfer-encoding') break;
        if (coding !== null) return codings;
        coding = value;
        break;
      default:
    }
  }
  if (coding !== null && length !== null) return both;
  if (coding !== null && (version === '1.0' || coding.toLowerCase() !== 'chunked')) return codings;
  if (length !== null && !lengthForm.test(length)) return noLength;
  const bodyLength = coding !== null ? chunked : Number(length ?? 0);
  return {
    kind: 'request',
    method,
    target,
    version,
    fields,
    bodyLength,
    persistent: version === '1.1' ? !names(connection, 'close') : names(connection, 'keep-alive'),
    expectsContinue: expectsContinue && version === '1.1',
    upgrade: protocols !== '' && isWebSocket(method, version, bodyLength, protocols, connection),
  };
}

/** RFC 6455, 4.1. */
function isWebSocket(
  method: string,
  version: string,
  bodyLength: number,
  protocols: string,
  connection: string,
): boolean {
  if (method !== 'GET' || version !== '1.1' || bodyLength !== 0 || !names(connection, 'upgrade')) return false;
  return protocols.toLowerCase() === ',websocket';
}

/** Whether a list has a token. */
function names(list: string, token: string): boolean {
  if (list === '') return false;
  return list
    .toLowerCase()
    .split(',')
    .some((one) => one.trim() === token);
}
