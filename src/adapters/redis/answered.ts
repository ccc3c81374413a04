import { StoreAway } from '../../auth/ports.ts';

/**
 * Redis's reply. Whatever keeps it from coming is an outage of the store. `what`: what was asked for, in the plural.
 */
export async function answered<T>(reply: Promise<T>, what: string): Promise<T> {
  try {
    return await reply;
  } catch (error) {
    throw new StoreAway(`Redis did not answer for ${what}.`, { cause: error });
  }
}
