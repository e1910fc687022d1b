import { azure } from "./azure.ts";
import { conflicts } from "./conflicts.ts";
import { crash } from "./crash.ts";
import { disks } from "./disks.ts";
import type { FaultClass } from "./fault-class.ts";
import type { FaultName } from "./fault-names.ts";
import { haste } from "./haste.ts";
import { hidden } from "./hidden.ts";
import { leaders } from "./leaders.ts";
import { lifecycle } from "./lifecycle.ts";
import { loss } from "./loss.ts";
import { malicious } from "./malicious.ts";
import { mass } from "./mass.ts";
import { nodes } from "./nodes.ts";
import { replicas } from "./replicas.ts";
import { scarcity } from "./scarcity.ts";
import { stale } from "./stale.ts";
import { watches } from "./watches.ts";

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
