/**
 * The Coreapp's side of one exchange. It throttles before it acts: a 429 or 503 has changed nothing. What has been
 * taken as a job counts as acted on, however its answer fares.
 */
import { hash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { classOf, type Target, targetOf } from './classes.ts';
import { type AnswerAt, answersOf } from './endpoints.ts';
import { type Answer, failure } from './envelope.ts';
import { Faults } from './faults.ts';
import { Jobs } from './jobs.ts';
import { type Entry, Ledger } from './ledger.ts';
import { Limits } from './limits.ts';
import { coreappEndpoints } from './payloads.ts';
import type { Settings } from './settings.ts';

const nothing = Buffer.alloc(0);

/** A request that has been let in. */
interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: Target;
  readonly entry: Entry;
}

export class SimulatedCoreapp {
  #settings: Settings;
  readonly #random: () => number;
  readonly #limits: Limits;
  readonly #answerAt = answersOf(coreappEndpoints());
  readonly faults: Faults;
  readonly jobs: Jobs;
  readonly ledger: Ledger;

  constructor(settings: Settings, random: () => number) {
    this.#settings = settings;
    this.#random = random;
    this.#limits = new Limits(settings.limits, performance.now());
    this.faults = new Faults(settings.faults, random);
    this.jobs = new Jobs(settings);
    this.ledger = new Ledger(settings.recordRequestsMax);
  }

  get settings(): Settings {
    this.faults.count();
    return this.#settings;
  }

  change(settings: Settings): void {
    this.#settings = settings;
    this.#limits.change(settings.limits, performance.now());
    this.faults.change(settings.faults);
    this.jobs.change(settings);
    this.ledger.changeHeadsMax(settings.recordRequestsMax);
  }

  serve(request: IncomingMessage, response: ServerResponse): void {
    const nowMs = performance.now();
    const target = targetOf(request.url as string);
    const id = request.headers['x-request-id'];
    const name = classOf(target.path);
    const entry = this.ledger.arrive(name, typeof id === 'string' ? id : null, request.method as string, nowMs);
    this.ledger.record(entry, request.url as string, request.rawHeaders, null);
    const visit = { request, response, target, entry };
    if (this.#turnedAway(visit, nowMs)) return;
    collect(request, this.#settings.bodyMaxBytes, (body) => this.#collected(visit, body));
  }

  /** Everything that is decided by the head alone. */
  #turnedAway(visit: Visit, nowMs: number): boolean {
    const { request, response, entry } = visit;
    const { authorization, overloaded, limitsEnforced, bodyMaxBytes } = this.#settings;
    if (authorization !== null && request.headers.authorization !== authorization) {
      this.ledger.settle(entry, 'unauthorized401');
      send(response, failure('unauthorized', ['Invalid credentials.'], ['WWW-Authenticate', 'Bearer']));
      return true;
    }
    const fault = this.faults.drawBefore();
    if (fault === 'resetBeforeBody') {
      this.ledger.settle(entry, 'faulted');
      request.socket.resetAndDestroy();
      return true;
    }
    if (fault === 'error503' || overloaded) {
      this.#overloaded(visit);
      return true;
    }
    if (fault === 'error429' || (limitsEnforced && !this.#limits.take(entry.class, nowMs))) {
      this.ledger.settle(entry, 'throttled429');
      const { throttledRetryAfter: form, throttledRetryAfterSeconds: seconds } = this.#settings;
      send(response, failure('throttled', [], retryAfter(form, seconds)));
      return true;
    }
    if (Number(request.headers['content-length']) > bodyMaxBytes) {
      this.#tooLarge(visit);
      return true;
    }
    return false;
  }

  #collected(visit: Visit, body: Buffer | 'aborted' | 'tooLarge'): void {
    if (body === 'aborted') {
      this.ledger.settle(visit.entry, 'aborted');
      return;
    }
    if (body === 'tooLarge') {
      this.#tooLarge(visit);
      return;
    }
    const { request, entry } = visit;
    this.ledger.record(entry, request.url as string, request.rawHeaders, {
      bytes: body.length,
      sha256: () => hash('sha256', body, 'hex'),
    });
    // The answer is made when the job is done; whether the job was taken is known at once.
    if (this.jobs.submit(() => this.#done(visit, body))) this.ledger.settle(entry, 'acted');
    else this.#overloaded(visit);
  }

  #done(visit: Visit, body: Buffer): void {
    const { latencyMs, latencyJitterMs } = this.#settings;
    const laterMs = latencyMs + (latencyJitterMs === 0 ? 0 : this.#random() * latencyJitterMs);
    if (laterMs === 0) this.#respond(visit, body);
    else setTimeout(() => this.#respond(visit, body), laterMs).unref();
  }

  #respond({ request, response, target, entry }: Visit, body: Buffer): void {
    const contentType = request.headers['content-type'] ?? 'application/octet-stream';
    const call = { method: request.method as string, query: target.query, contentType, body };
    const answer = this.#answerOf(target.path, call);
    const fault = this.faults.drawAfter();
    if (fault !== null) this.ledger.faultAfterActing(entry);
    switch (fault) {
      case null:
        send(response, answer);
        break;
      case 'error500':
        send(response, failure('failed', ['Failed on purpose.']));
        break;
      case 'resetAfterBody':
        request.socket.resetAndDestroy();
        break;
      case 'hang':
        break;
      case 'truncate':
        sendHalf(response, answer);
        break;
      case 'trickle':
        trickle(response, answer, this.#settings.trickleMs);
        break;
    }
  }

  /** A body that nobody thought of must not end the process, which may be Weir's. */
  #answerOf(...asked: Parameters<AnswerAt>): Answer {
    try {
      return this.#answerAt(...asked);
    } catch (error) {
      return failure('failed', [error instanceof Error ? error.message : String(error)]);
    }
  }

  #overloaded({ response, entry }: Visit): void {
    this.ledger.settle(entry, 'overloaded503');
    const { overloadedRetryAfter: form, overloadedRetryAfterSeconds: seconds } = this.#settings;
    send(response, failure('overloaded', [], retryAfter(form, seconds)));
  }

  #tooLarge({ response, entry }: Visit): void {
    this.ledger.settle(entry, 'tooLarge413');
    const details = [`The body is longer than ${this.#settings.bodyMaxBytes} bytes.`];
    send(response, failure('tooLarge', details, ['Connection', 'close']));
  }
}

/** Reads a whole body; calls back once. */
function collect(
  request: IncomingMessage,
  maxBytes: number,
  then: (body: Buffer | 'aborted' | 'tooLarge') => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  let open = true;
  const finish = (body: Buffer | 'aborted' | 'tooLarge'): void => {
    if (!open) return;
    open = false;
    then(body);
  };
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBytes) finish('tooLarge');
    else if (open) chunks.push(chunk);
  });
  request.on('end', () =>
    finish(chunks.length === 0 ? nothing : chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)),
  );
  request.on('close', () => finish('aborted'));
  request.on('error', () => finish('aborted'));
}

export function send(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, headOf(answer));
  response.end(answer.body);
}

/** The head promises the whole body, half of it follows, then the connection ends. */
function sendHalf(response: ServerResponse, answer: Answer): void {
  response.writeHead(answer.status, headOf(answer));
  const body = Buffer.from(answer.body);
  response.write(body.subarray(0, body.length >> 1), () => response.destroy());
}

/** The head, then a byte at a time. */
function trickle(response: ServerResponse, answer: Answer, everyMs: number): void {
  response.writeHead(answer.status, headOf(answer));
  response.flushHeaders();
  const body = Buffer.from(answer.body);
  let sent = 0;
  const timer = setInterval(() => {
    if (sent < body.length) response.write(body.subarray(sent, ++sent));
    else response.end();
  }, everyMs);
  response.on('close', () => clearInterval(timer));
}

function headOf({ type, body, fields }: Answer): string[] {
  const head = ['Content-Type', type, 'Content-Length', String(Buffer.byteLength(body))];
  return fields === undefined ? head : [...head, ...fields];
}

function retryAfter(form: Settings['throttledRetryAfter'], seconds: number): string[] {
  switch (form) {
    case 'none':
      return [];
    case 'seconds':
      return ['Retry-After', String(seconds)];
    case 'date':
      // Rounded up: a date has whole seconds, and the wait must not come out shorter than it was set.
      return ['Retry-After', new Date(Math.ceil(Date.now() / 1_000 + seconds) * 1_000).toUTCString()];
  }
}
