import type { Json } from "../api/json.ts";
import { choice, type Input, listOf, members, readInput, text, whole } from "../input.ts";
import type { ScaleSetSetUp } from "./scale-set-set-up.ts";
import { CAPACITY_MAX } from "./scale-set-write.ts";

const scaleSet = members({
  subscriptionId: text,
  resourceGroup: text,
  location: text,
  name: text,
  capacity: whole(0, CAPACITY_MAX).default(0),
  zones: listOf(text).default([]),
  size: text.exactOptional(),
  orchestrationMode: choice(["Uniform", "Flexible"]).default("Uniform"),
  computerNamePrefix: text.exactOptional(),
  firstInstanceId: whole(0).default(0),
});

/**
 * Reads a scale set: `{name: "aks-np-vmss", capacity: 3, zones: ["1","2"], firstInstanceId: 68}` gives
 * instances 68 to 70 in zones 1, 2 and 1.
 */
export function parseScaleSet(
  json: Json | undefined,
  defaults: { readonly subscriptionId: string; readonly location: string; readonly resourceGroup?: string },
): Input<ScaleSetSetUp> {
  return readInput("a scale set", scaleSet, json, defaults);
}
