/**
 * The upstream beside floods: small answers at once, large ones, a refusal for a day, and the end of every handshake.
 */
import { createServer } from 'node:http';
import { serveBench } from '../child.ts';

const small = '{"messages":[{"id":"gBEGkYiEB1VXAglK1ZEqA1YKPrU"}]}';
const largeBytes = new Map([
  ['/v1/media/large', 16 * 1_048_576],
  ['/v1/media/huge', 1_024 * 1_048_576],
]);
const part = Buffer.alloc(65_536, 'x');

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  request.resume();
  const bytes = largeBytes.get(request.url ?? '');
  if (bytes !== undefined) {
    response.writeHead(200, { 'Content-Length': bytes });
    let left = bytes;
    const write = (): void => {
      while (left > 0) {
        left -= part.length;
        if (left === 0) return void response.end(part);
        if (!response.write(part)) return;
      }
    };
    response.on('drain', write);
    write();
    return;
  }
  const refused = request.url === '/v1/contacts/refused';
  request.on('end', () => {
    response.writeHead(refused ? 429 : 200, {
      'Content-Length': refused ? 0 : small.length,
      ...(refused ? { 'Retry-After': '86400' } : {}),
    });
    response.end(refused ? '' : small);
  });
});
server.on('upgrade', (_, socket) => {
  socket.on('error', () => socket.destroy());
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  socket.on('end', () => socket.end()).resume();
});
serveBench(server);
