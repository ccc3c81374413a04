/** What somebody may try first: a login, and a message. The first login brings a new password, unless one is set. */
export function firstSteps(weir: string, adminPasswordIsSet: boolean): string[] {
  const login = adminPasswordIsSet
    ? `curl -sSf -u admin:$WEIR_ADMIN_PASSWORD -X POST ${weir}/v1/users/login`
    : `curl -sSf -u admin:secret -X POST ${weir}/v1/users/login -d '{"new_password":"Weir-2026!"}'`;
  return [
    `TOKEN=$(${login} | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')`,
    `curl -s -H "Authorization: Bearer $TOKEN" ${weir}/v1/messages -d '{"to":"16315551000","type":"text","text":{"body":"hello"}}'`,
  ];
}
