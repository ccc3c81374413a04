/** What somebody may try first: a message. */
export const firstRequest = (weir: string): string =>
  `${weir}/v23.0/1055/messages -H 'Content-Type: application/json' -d '{"messaging_product":"whatsapp","to":"16315551000","type":"text","text":{"body":"hello"}}'`;
