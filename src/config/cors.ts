/** The settings under `http.cors`: what browsers are told of scripts that come from other origins. */
import { z } from 'zod';
import type { CorsRules } from '../http/cors.ts';
import { anyField, formed, isFilled, whole } from './kinds.ts';
import { type Fault, section, setting } from './setting.ts';

const hourMs = 3_600_000;

/** `*`, or an origin to the letter, since browsers' `Origin` is compared with it. */
const origin = () =>
  formed(/^(\*|[a-z][a-z\d+.-]*:\/\/[!-~]+)$/, 256).refine(
    (text) => text === '*' || (isFilled(text) && !text.includes('*') && text === asSent(text)),
  );

/** How a browser writes the origin of a URL; null: it has none that could be told from others. */
function asSent(text: string): string | null {
  if (!URL.canParse(text)) return null;
  const { origin: sent, protocol, host } = new URL(text);
  // Of apps and extensions (capacitor://localhost), whose schemes the URL standard does not know.
  if (sent === 'null') return host === '' ? null : `${protocol}//${host}`;
  return sent;
}

function explainOrigin(text: string): Fault | null {
  const sent = asSent(text);
  if (sent === null || sent === text) return null;
  return { given: JSON.stringify(text), fault: 'is not what browsers send', wanted: `give ${JSON.stringify(sent)}` };
}

const list = (item: z.ZodString, fallback: readonly string[]) =>
  z
    .array(item)
    .max(100)
    .refine((given) => given.length === 1 || !given.includes('*'))
    .default([...fallback]);

export const cors = section({
  origins: setting(list(origin(), []), {
    description:
      'The origins whose scripts may use Weir from a browser: their preflights are answered here, before anybody asks for a token, and answers tell browsers so, in the place of what the upstream says. [*]: every origin. Empty: Weir says nothing.',
    wanted: 'a list of origins such as [https://app.example.com], or [*] alone',
    explain: explainOrigin,
  }),
  methods: setting(
    list(
      // Browsers let no script use these, and Weir takes neither.
      formed(/^(\*|[A-Z][A-Z-]*)$/, 64).refine((name) => name !== 'CONNECT' && name !== 'TRACE'),
      ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    ).refine((given) => given.length > 0),
    {
      description: 'The methods that these scripts may use.',
      wanted: 'a list of methods in capitals such as [GET, POST], without CONNECT and TRACE, or [*] alone',
    },
  ),
  fields: setting(list(anyField(), ['Authorization', 'Content-Type']), {
    description:
      'The request fields that they may send besides those that need no leave. [*]: all but Authorization, as browsers read it.',
    wanted: 'a list of field names such as [Authorization, Content-Type, X-API-Key], or [*] alone',
  }),
  exposed: setting(list(anyField(), ['RateLimit', 'RateLimit-Policy', 'Retry-After', 'X-Request-Id']), {
    description: 'The fields of answers that they may read besides the usual ones.',
    wanted: 'a list of field names such as [Retry-After], or [*] alone',
  }),
  credentials: setting(z.boolean().default(false), {
    description:
      'Whether browsers may send cookies and certificates of their own accord. A token that a script sends needs no such leave. Not together with *.',
  }),
  maxAgeMs: setting(whole(0, 24 * hourMs).default(hourMs / 6), {
    description:
      'How long a browser may keep the answer to a preflight, in whole seconds; most keep it 2 hours at most.',
  }),
});

/** The lists that say `*` where browsers take no such thing. */
export function starsNextToCredentials({ credentials, ...rules }: CorsRules): string[] {
  if (!credentials) return [];
  return (['origins', 'methods', 'fields', 'exposed'] as const).filter((name) => rules[name].includes('*'));
}
