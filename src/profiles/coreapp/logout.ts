import { credentialsOf } from '../../auth/credentials.ts';
import type { Collected } from '../../exchange/exchange.ts';
import type { Page } from '../../exchange/outcome.ts';
import { type Refusal, refuse } from '../../exchange/refusals.ts';
import type { WebappDeps } from './deps.ts';
import { page } from './page.ts';

/** `POST /v1/users/logout`: ends the token that was sent and no other. A body is not looked at. */
export async function logout(exchange: Collected, { tokens }: WebappDeps): Promise<Page | Refusal> {
  const credentials = credentialsOf(exchange.fields);
  if (credentials.kind !== 'bearer') return refuse('unauthenticated');
  const { token } = credentials;
  await tokens.find((kind) => kind.couldBe(token))?.end(token);
  return page(200, {});
}
