import { adminPathsDefault, createRouter } from '../../src/model/routes.ts';

/** Routes as the contract has them. */
export const routeOf = createRouter(adminPathsDefault);
