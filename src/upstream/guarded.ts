/**
 * What the Coreapp's connection is told to call. It calls from the depth of a parser or a socket, where an exception
 * would end the process: here it ends the one exchange.
 */
import type { Fields } from '../http/fields.ts';
import type { CoreappFailure, CoreappObserver } from './ports.ts';

export abstract class GuardedObserver implements CoreappObserver {
  abstract mayWrite(): boolean;
  protected abstract informed(status: number, fields: Fields): void;
  protected abstract headed(status: number, fields: Fields): void;
  protected abstract came(chunk: Buffer): boolean;
  protected abstract ended(trailers: Fields): void;
  protected abstract failed(failure: CoreappFailure): void;
  /** One of these has thrown, which is a bug. */
  protected abstract threw(error: unknown): void;

  onInformation(status: number, fields: Fields): void {
    try {
      this.informed(status, fields);
    } catch (error) {
      this.threw(error);
    }
  }

  onHead(status: number, fields: Fields): void {
    try {
      this.headed(status, fields);
    } catch (error) {
      this.threw(error);
    }
  }

  onData(chunk: Buffer): boolean {
    try {
      return this.came(chunk);
    } catch (error) {
      this.threw(error);
      return true;
    }
  }

  onEnd(trailers: Fields): void {
    try {
      this.ended(trailers);
    } catch (error) {
      this.threw(error);
    }
  }

  onFailure(failure: CoreappFailure): void {
    try {
      this.failed(failure);
    } catch (error) {
      this.threw(error);
    }
  }
}
