/** Message templates of the Cloud API, as far as a message can be wrong about them. */
import { objectIn } from '../server.ts';

export class Templates {
  /** By name and language, how many parameters each has. */
  readonly #parameters = new Map<string, number>([['hello_world en_US', 0]]);

  /** Null: it is none. */
  create(body: Buffer): object | null {
    const template = objectIn(body);
    const [name, language] = [template?.['name'], template?.['language']];
    if (typeof name !== 'string' || typeof language !== 'string') return null;
    const marks = JSON.stringify(template?.['components'] ?? []).match(/\{\{\w+\}\}/g) ?? [];
    this.#parameters.set(`${name} ${language}`, new Set(marks).size);
    return { id: String(2_000_000_000 + this.#parameters.size), status: 'APPROVED', category: 'UTILITY' };
  }

  list(): object {
    const data = [...this.#parameters.keys()].map((key) => {
      const [name, language] = key.split(' ');
      return { name, language, status: 'APPROVED' };
    });
    return { data };
  }

  /** The code of what is wrong with a message's template; null: nothing. */
  wrong(given: unknown): number | null {
    const template = given as { name?: unknown; language?: { code?: unknown }; components?: unknown } | undefined;
    const expected = this.#parameters.get(`${String(template?.name)} ${String(template?.language?.code)}`);
    if (expected === undefined) return 132001;
    const components = (Array.isArray(template?.components) ? template.components : []) as ({
      parameters?: unknown;
    } | null)[];
    const parameters = components.flatMap((one) =>
      Array.isArray(one?.parameters) ? (one.parameters as unknown[]) : [],
    );
    return parameters.length === expected ? null : 132000;
  }
}
