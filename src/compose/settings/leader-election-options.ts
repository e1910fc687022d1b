import {
  defaultElectionSettings,
  electionProblem,
  type ElectionSettings,
  LEASE_DURATION_MAX_MS,
} from "../../core/election/plan-candidacy.ts";
import type { Options, Values } from "./options.ts";

const LEASE_DURATION_MIN_MS = 1_000;
const RETRY_PERIOD_MIN_MS = 50;

/** Settings of the election of a leader among controllers: roles that run reconcilers have them. */
export const leaderElectionOptions = {
  "leader-election": {
    kind: "choice",
    default: "lease",
    choices: ["lease", "none"],
    help: "lease: of the controllers on one store, one leads; none: this is the only one that ever runs, and leads at once, whoever held the Lease",
  },
  "lease-duration-ms": {
    kind: "number",
    default: defaultElectionSettings.leaseDurationMs,
    min: LEASE_DURATION_MIN_MS,
    max: LEASE_DURATION_MAX_MS,
    help: "A leader's Lease that it has not renewed for this time may be taken by another controller",
  },
  "lease-renew-deadline-ms": {
    kind: "number",
    default: defaultElectionSettings.renewDeadlineMs,
    min: 2 * RETRY_PERIOD_MIN_MS,
    max: LEASE_DURATION_MAX_MS,
    help: "A leader that could not renew its Lease for this time stops leading; must be below the lease duration",
  },
  "lease-retry-period-ms": {
    kind: "number",
    default: defaultElectionSettings.retryPeriodMs,
    min: RETRY_PERIOD_MIN_MS,
    max: LEASE_DURATION_MAX_MS,
    help: "Time between two renewals of the leader's Lease, or two looks at it; several must fit into the renew deadline",
  },
} as const satisfies Options;

/** The settings as the election takes them. Throws with a sentence where they do not fit each other. */
export function electionSettingsOf(values: Values<typeof leaderElectionOptions>): ElectionSettings {
  const settings = {
    leaseDurationMs: values["lease-duration-ms"],
    renewDeadlineMs: values["lease-renew-deadline-ms"],
    retryPeriodMs: values["lease-retry-period-ms"],
  };
  const problem = electionProblem(settings);
  if (problem !== undefined) throw new Error(problem);
  return settings;
}
