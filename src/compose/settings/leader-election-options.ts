import { grouped, type Values } from "../../cli/options.ts";
import {
  defaultElectionSettings,
  electionProblem,
  type ElectionSettings,
  LEASE_DURATION_MAX_MS,
} from "../../core/election/plan-candidacy.ts";
import { WrongSetting } from "./wrong-setting.ts";

const LEASE_DURATION_MIN_MS = 1_000;
const RETRY_PERIOD_MIN_MS = 50;

/** Settings of the leader election among controllers: for roles that run reconcilers. */
export const leaderElectionOptions = grouped("Leader election", {
  "leader-election": {
    kind: "choice",
    default: "lease",
    choices: ["lease", "none"],
    help:
      "lease: of the controllers on one store, one leads; none: this is the only one that ever runs, and " +
      "leads at once, whatever the Lease says",
  },
  "lease-duration-ms": {
    kind: "number",
    default: defaultElectionSettings.leaseDurationMs,
    min: LEASE_DURATION_MIN_MS,
    max: LEASE_DURATION_MAX_MS,
    help: "A Lease that its leader has not renewed for this time may be acquired by another controller",
  },
  "lease-renew-deadline-ms": {
    kind: "number",
    default: defaultElectionSettings.renewDeadlineMs,
    min: 2 * RETRY_PERIOD_MIN_MS,
    max: LEASE_DURATION_MAX_MS,
    help: "A leader that can't renew its Lease for this time stops leading; must be below the lease duration",
  },
  "lease-retry-period-ms": {
    kind: "number",
    default: defaultElectionSettings.retryPeriodMs,
    min: RETRY_PERIOD_MIN_MS,
    max: LEASE_DURATION_MAX_MS,
    help: "Time between two renewals or reads of the Lease; several must fit into the renew deadline",
  },
});

/** The settings as the election takes them. Throws with a sentence if they do not fit each other. */
export function electionSettingsOf(values: Values<typeof leaderElectionOptions>): ElectionSettings {
  const settings = {
    leaseDurationMs: values.leaseDurationMs,
    renewDeadlineMs: values.leaseRenewDeadlineMs,
    retryPeriodMs: values.leaseRetryPeriodMs,
  };
  const problem = electionProblem(settings);
  if (problem !== undefined) throw new WrongSetting(problem);
  return settings;
}
