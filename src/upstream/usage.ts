/** Reads what an answer tells of its use while it passes: a field, a number in a JSON body, or in the events of a stream. */
import type { UsagePlace } from '../exchange/charge.ts';
import { type Fields, fieldOf } from '../http/fields.ts';
import { JsonValues } from '../http/json-values.ts';
import { isPlainEventStream, isPlainJson } from '../http/media-type.ts';
import { EventData } from './event-data.ts';

type ToldIn = readonly (readonly UsagePlace[])[];

/** Whether any of it stands in bodies. They must come as they are then: no coding of theirs is undone. */
export function isToldInBody(toldIn: ToldIn): boolean {
  return toldIn.some((places) => places.some(({ by }) => by === 'body'));
}

export class UsageReader {
  readonly #toldIn: ToldIn;
  readonly #fields: Fields;
  #trailers: Fields = [];
  /** Null: there is nothing to be found in the body. */
  readonly #values: JsonValues | null;
  /** Null: the body is one JSON text. */
  readonly #events: EventData | null = null;

  /** @param fields of the answer */
  constructor(toldIn: ToldIn, fields: Fields) {
    this.#toldIn = toldIn;
    this.#fields = fields;
    const isStream = isPlainEventStream(fields);
    this.#values =
      (isStream || isPlainJson(fields)) && isToldInBody(toldIn) ? new JsonValues(pointersIn(toldIn)) : null;
    if (isStream && this.#values !== null) this.#events = new EventData(this.#values);
  }

  add(chunk: Buffer): void {
    if (this.#events !== null) this.#events.add(chunk);
    else this.#values?.add(chunk);
  }

  end(trailers: Fields): void {
    this.#values?.end();
    this.#trailers = trailers;
  }

  /** For each limit, what has been told; null: nothing. */
  used(): readonly (number | null)[] {
    let next = 0;
    return this.#toldIn.map((places) => {
      let used: number | null = null;
      for (const place of places) {
        const told = place.by === 'field' ? this.#inField(place.name) : this.#sum(next, place.pointers.length);
        if (place.by === 'body') next += place.pointers.length;
        used ??= told;
      }
      return used;
    });
  }

  #inField(name: string): number | null {
    const value = fieldOf(this.#fields, name) ?? fieldOf(this.#trailers, name);
    return value !== null && /^\d{1,15}(?:\.\d+)?$/.test(value) ? Number(value) : null;
  }

  /** All of them have to be there. */
  #sum(from: number, count: number): number | null {
    const numbers = this.#values?.numbers.slice(from, from + count) ?? [null];
    const known = numbers.filter((number) => number !== null);
    const sum = known.reduce((a, b) => a + b, 0);
    return known.length === numbers.length && sum >= 0 ? sum : null;
  }
}

function pointersIn(toldIn: ToldIn) {
  return toldIn.flat().flatMap((place) => (place.by === 'body' ? place.pointers : []));
}
