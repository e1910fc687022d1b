import { isObject, type Json, listAt, numberAt, textAt } from "../api/json.ts";
import type { ScaleSetSetUp } from "./scale-set-set-up.ts";
import { CAPACITY_MAX } from "./scale-set-write.ts";
import type { OrchestrationMode } from "./scale-set.ts";

export type ParsedScaleSet =
  | { readonly ok: true; readonly set: ScaleSetSetUp }
  | { readonly ok: false; readonly reason: string };

const MEMBERS = [
  "subscriptionId",
  "resourceGroup",
  "location",
  "name",
  "capacity",
  "zones",
  "size",
  "orchestrationMode",
  "computerNamePrefix",
  "firstInstanceId",
];
const MODES: readonly OrchestrationMode[] = ["Uniform", "Flexible"];

/**
 * Reads a scale set: `{name: "aks-np-vmss", capacity: 3, zones: ["1","2"], firstInstanceId: 68}` gives
 * instances 68 to 70 in zones 1, 2 and 1.
 */
export function parseScaleSet(
  json: Json | undefined,
  defaults: { readonly subscriptionId: string; readonly location: string; readonly resourceGroup?: string },
): ParsedScaleSet {
  const wrong = (reason: string): ParsedScaleSet => ({ ok: false, reason });
  if (!isObject(json)) return wrong("a scale set is an object");
  const unknown = Object.keys(json).find((member) => !MEMBERS.includes(member));
  if (unknown !== undefined)
    return wrong(`'${unknown}' is not a member of a scale set; it has ${MEMBERS.join(", ")}`);
  const name = textAt(json, "name");
  const resourceGroup = textAt(json, "resourceGroup") ?? defaults.resourceGroup;
  if (name === undefined || resourceGroup === undefined)
    return wrong("a scale set needs 'name' and 'resourceGroup'");
  const capacity = numberAt(json, "capacity") ?? 0;
  if (!Number.isInteger(capacity) || capacity < 0 || capacity > CAPACITY_MAX)
    return wrong(`'capacity' is a whole number from 0 to ${CAPACITY_MAX}`);
  const firstInstanceId = numberAt(json, "firstInstanceId") ?? 0;
  if (!Number.isInteger(firstInstanceId) || firstInstanceId < 0)
    return wrong("'firstInstanceId' is a whole number from 0");
  const modeText = textAt(json, "orchestrationMode") ?? "Uniform";
  const orchestrationMode = MODES.find((mode) => mode === modeText);
  if (orchestrationMode === undefined) return wrong(`'orchestrationMode' is one of ${MODES.join(", ")}`);
  const size = textAt(json, "size");
  const computerNamePrefix = textAt(json, "computerNamePrefix");
  return {
    ok: true,
    set: {
      subscriptionId: textAt(json, "subscriptionId") ?? defaults.subscriptionId,
      resourceGroup,
      location: textAt(json, "location") ?? defaults.location,
      name,
      capacity,
      zones: (listAt(json, "zones") ?? []).filter((zone): zone is string => typeof zone === "string"),
      orchestrationMode,
      firstInstanceId,
      ...(size === undefined ? {} : { size }),
      ...(computerNamePrefix === undefined ? {} : { computerNamePrefix }),
    },
  };
}
