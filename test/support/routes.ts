import { adminPathsDefault, createRouter } from '../../src/profiles/coreapp/routes.ts';

/** Routes as the contract has them. */
export const routeOf = createRouter(adminPathsDefault);
