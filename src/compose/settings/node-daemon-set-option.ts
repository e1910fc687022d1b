import { grouped } from "../../cli/options.ts";
import { daemonSetProblem } from "./parse-daemon-set.ts";

/** How a controller tells its own node plug-ins from those of another driver. */
export const nodeDaemonSetOption = grouped("Kubernetes", {
  "node-daemon-set": {
    kind: "text",
    problem: daemonSetProblem,
    help:
      "namespace/name of the DaemonSet of this driver's node plug-ins: pods of any other that serve an " +
      "Azure disk driver are another driver's (default: not checked)",
  },
});
