import type { FaultClass } from "./fault-class.ts";
import type { FaultName } from "./fault-names.ts";
import { hidden } from "./objects/hidden.ts";
import { lifecycle } from "./objects/lifecycle.ts";
import { loss } from "./objects/loss.ts";
import { malicious } from "./objects/malicious.ts";
import { replicas } from "./objects/replicas.ts";
import { crash } from "./processes/crash.ts";
import { haste } from "./processes/haste.ts";
import { leaders } from "./processes/leaders.ts";
import { mass } from "./processes/mass.ts";
import { nodes } from "./processes/nodes.ts";
import { azure } from "./surroundings/azure.ts";
import { conflicts } from "./surroundings/conflicts.ts";
import { disks } from "./surroundings/disks.ts";
import { scarcity } from "./surroundings/scarcity.ts";
import { stale } from "./surroundings/stale.ts";
import { watches } from "./surroundings/watches.ts";

/** Every class of faults by its name. */
export const faultClasses: Readonly<Record<FaultName, FaultClass>> = {
  crash,
  stale,
  hidden,
  watches,
  conflicts,
  leaders,
  azure,
  nodes,
  disks,
  haste,
  scarcity,
  lifecycle,
  replicas,
  mass,
  loss,
  malicious,
};
