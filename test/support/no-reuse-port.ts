/** Preloaded (`node --import`), it makes a system without SO_REUSEPORT, such as macOS. */
import { Server } from 'node:net';

// eslint-disable-next-line @typescript-eslint/unbound-method -- It is called with the server that it belongs to.
const { listen } = Server.prototype;

Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
  const [options] = args;
  if (typeof options !== 'object' || options === null || !('reusePort' in options) || options.reusePort !== true) {
    return listen.apply(this, args as Parameters<typeof listen>);
  }
  const error = Object.assign(new Error('listen ENOTSUP'), { code: 'ENOTSUP', syscall: 'listen' });
  queueMicrotask(() => this.emit('error', error));
  return this;
} as typeof listen;
