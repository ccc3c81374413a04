/** Users by name, however its characters are composed, and names that could be taken for one another. */
import type { User } from './accounts.ts';
import type { Accounts } from './ports.ts';
import { likenessOf, storedForms } from './precis.ts';

/** All forms are asked for at once, so that the time does not tell which of them there is. */
export async function findUserNamed(accounts: Pick<Accounts, 'findUser'>, name: string): Promise<User | undefined> {
  const forms = storedForms(name);
  if (forms.length === 1) return await accounts.findUser(name);
  const found = await Promise.all(forms.map((form) => accounts.findUser(form)));
  return found.find((user) => user !== undefined);
}

/** The user's name that is this one, or could be taken for it; null: there is none. */
export async function likeNamed(accounts: Pick<Accounts, 'listUsers'>, name: string): Promise<string | null> {
  const likeness = likenessOf(name);
  for await (const user of accounts.listUsers()) if (likenessOf(user.name) === likeness) return user.name;
  return null;
}

/** Why a name can't be had, as far as it is known. */
export function takenWords(name: string, like: string | null): string {
  const said = JSON.stringify(name);
  return like === null || like === name ? `${said} is taken` : `${said} could be taken for ${JSON.stringify(like)}`;
}
