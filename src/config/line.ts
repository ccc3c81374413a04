/** The settings under `line`: who goes first, and which requests use several slots. */
import { slotsByPath, urgency, urgencyByName } from './kinds.ts';
import { section, setting } from './setting.ts';

export const line = section({
  bestUrgency: section({
    users: setting(urgency().default(3), {
      description:
        'The best urgency that requests of a user, or of the API key, may ask for (Priority: u=0 is the most urgent, u=7 the least; 3 without the field). One that asks for better gets this.',
    }),
    admins: setting(urgency().default(3), { description: 'The same for users who are admins.' }),
    names: setting(urgencyByName().default({}), {
      description: 'The same for single users, whatever their role; those of an identity provider begin with jwt:.',
      wanted: 'user names with whole numbers from 0 to 7, such as { otp: 0, "jwt:alarms": 1 }',
    }),
  }),
  costs: setting(slotsByPath().default({}), {
    description:
      'How many slots a request uses, by its path with all that is below it, for one method or all. The longest path that fits decides; everything else costs 1.',
    wanted:
      'paths, maybe with a method before them, with whole numbers from 1 to 100, such as { /v1/groups: 2, POST /v1/media: 5 }',
  }),
});
