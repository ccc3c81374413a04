/** The page's files: read once, served from memory. */
import { readFileSync } from 'node:fs';
import type { OpsPage } from './page.ts';

/** Nothing comes from another host, nothing is inline, and no other page may frame it. */
export const security = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
};

function asset(file: string, contentType: string): OpsPage {
  const body = readFileSync(new URL(`page/${file}`, import.meta.url));
  return { status: 200, contentType: `${contentType}; charset=utf-8`, body, fields: security };
}

const scripts = ['page.js', 'classes.js', 'callers.js', 'wait.js', 'fleet.js', 'orders.js', 'dom.js'];

export const assets: Readonly<Record<string, OpsPage>> = {
  '/': asset('index.html', 'text/html'),
  '/page.css': asset('page.css', 'text/css'),
  '/runbook.css': asset('runbook.css', 'text/css'),
  ...Object.fromEntries(scripts.map((file) => [`/${file}`, asset(file, 'text/javascript')])),
};
