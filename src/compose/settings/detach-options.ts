import { grouped, type Values } from "../../cli/options.ts";
import {
  defaultProvisionerSettings,
  type ProvisionerSettings,
  scaledSettings,
} from "../../provisioner/settings.ts";
import type { azureOptions } from "./process-options.ts";

const HOUR_MS = 3_600_000;

/** How long a detach waits for the guest before it is forced: for roles that run reconcilers. */
export const detachOptions = grouped("Azure", {
  "force-detach-after-ms": {
    kind: "number",
    default: defaultProvisionerSettings.detachPatienceMs,
    min: 1_000,
    max: HOUR_MS,
    help: "How long a regular detach may take before it is forced (ForceDetach, Azure's last resort)",
  },
  "fence-regular-detach-ms": {
    kind: "number",
    default: defaultProvisionerSettings.fenceRegularDetachMs,
    min: 0,
    max: HOUR_MS,
    help:
      "How long a fence tries a regular detach if the node's VM runs and its agent answers; it forces at " +
      "once on any other VM. 0: always by force",
  },
});

/** The provisioner's settings; `azure-time-scale` scales these two as all others. */
export function provisionerSettingsOf(
  values: Values<typeof azureOptions & typeof detachOptions>,
): ProvisionerSettings {
  return scaledSettings(values.azureTimeScale, {
    detachPatienceMs: values.forceDetachAfterMs,
    fenceRegularDetachMs: values.fenceRegularDetachMs,
  });
}
