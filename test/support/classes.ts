/** The endpoint classes of the profile `coreapp`, by the contract, in the order of docs/reference/webapp-contract.md. */
export const endpointClasses = [
  'messages',
  'contacts',
  'media',
  'settings',
  'account',
  'stickers',
  'certificates',
  'services',
  'groups',
  'health',
  'stats',
  'support',
  'default',
] as const;

/** What Weir answers itself there. */
export const ownClasses = ['users', 'metrics'] as const;
