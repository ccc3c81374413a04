/** The endpoint classes of the profile `coreapp`, as the simulator has them: it shares no code with Weir. */
export { classes as endpointClasses } from '../../src/simulator/classes.ts';

/** What Weir answers itself there. */
export const ownClasses = ['users', 'metrics'] as const;
