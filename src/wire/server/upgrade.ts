/** The caller's side of a request to switch protocols: answered like any other until its connection is handed over. */
import type { Socket } from 'node:net';
import type { Fields } from '../../http/fields.ts';
import type { RequestMessage } from '../codec/message.ts';
import { type AnsweredConnection, WireDownstream } from './downstream.ts';

export class UpgradeDownstream extends WireDownstream {
  readonly socket: Socket;
  /** The fields of the 101; null: there is none yet. Whoever carries the connection from then on writes them. */
  switching: Fields | null = null;

  constructor(connection: AnsweredConnection, message: RequestMessage) {
    // Another answer than a 101 is the last one: a caller may have sent the new protocol behind its request.
    super(connection, message, false);
    this.socket = connection.socket;
  }

  override head(status: number, fields: Fields): void {
    if (status !== 101) return void super.head(status, fields);
    this.switching = fields;
    this.connection.handOver();
  }

  override page(status: number, fields: Fields, body: string): void {
    if (this.switching === null) super.page(status, fields, body);
    else this.socket.destroy(); // It is a tunnel's, and no answer of HTTP's can come any more.
  }

  override cut(): void {
    if (this.switching === null) super.cut();
    else this.socket.destroy();
  }

  override end(trailers: Fields): boolean {
    return this.switching !== null || super.end(trailers);
  }
}
