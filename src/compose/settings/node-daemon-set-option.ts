import { grouped } from "../../cli/options.ts";
import { daemonSetsProblem } from "./parse-daemon-set.ts";

/** How a controller tells its own node plug-ins from those of another driver. */
export const nodeDaemonSetOption = grouped("Kubernetes", {
  "node-daemon-set": {
    kind: "text",
    problem: daemonSetsProblem,
    help:
      "namespace/name of each DaemonSet of this driver's node plug-ins, with commas between them: pods of " +
      "any other that serve an Azure disk driver are another driver's (default: not checked)",
  },
});
