import type { Options } from "./options.ts";

/** How a controller tells its own node plug-ins from those of another driver. */
export const nodeDaemonSetOption = {
  "node-daemon-set": {
    kind: "text",
    help:
      "namespace/name of the DaemonSet of this driver's node plug-ins: pods of any other that serve an " +
      "Azure disk driver are another driver's (default: not checked)",
  },
} as const satisfies Options;
