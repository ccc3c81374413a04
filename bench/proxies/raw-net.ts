/** The floor for a proxy on Node: sockets that copy bytes both ways, a connection to the upstream for each caller's. */
import { connect, createServer, type Socket } from 'node:net';
import { serveBench } from '../child.ts';

const { hostname, port } = new URL(process.argv[2] as string);

function copy(from: Socket, to: Socket): void {
  from.on('data', (chunk) => {
    if (to.write(chunk)) return;
    from.pause();
    to.once('drain', () => from.resume());
  });
  from.on('end', () => to.end());
  from.on('error', () => to.destroy());
}

serveBench(
  createServer({ noDelay: true, allowHalfOpen: true }, (caller) => {
    const upstream = connect({ host: hostname, port: Number(port), noDelay: true, allowHalfOpen: true });
    copy(caller, upstream);
    copy(upstream, caller);
  }),
);
