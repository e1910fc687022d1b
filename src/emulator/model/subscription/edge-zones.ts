import { type ArmFailure, armErrors } from "../api/errors.ts";
import { type Json, type JsonObject, listAt, objectAt, textAt } from "../api/json.ts";

/** A disk, a snapshot, or a VM, which has it among its members. */
interface Placed {
  readonly extendedLocation?: JsonObject;
  readonly members?: JsonObject;
}

/** The edge zone in which a resource is; empty: in its region itself. */
export function edgeZoneOf({ extendedLocation, members }: Placed): string {
  return textAt(extendedLocation ?? objectAt(members, "extendedLocation"), "name") ?? "";
}

/** The member that a body has, or a VM among its members, for a resource in the same place. */
export function edgeZoneIn(body: Json | undefined): Pick<Placed, "extendedLocation"> {
  const stated = objectAt(body, "extendedLocation");
  return stated === undefined ? {} : { extendedLocation: stated };
}

/** Whether two resources of one region are in the same place there. */
export function isSameEdgeZone(one: Placed, other: Placed): boolean {
  return edgeZoneOf(one).toLowerCase() === edgeZoneOf(other).toLowerCase();
}

/**
 * Why the place that a PUT states is none. Azure's schemas have a name and a type, of which compute has only
 * `EdgeZone`. Inferred: the refusals, and that an edge zone has no availability zones.
 */
export function checkEdgeZone(body: Json | undefined): ArmFailure | undefined {
  const stated = objectAt(body, "extendedLocation");
  if (stated === undefined) return undefined;
  const [name, type] = [textAt(stated, "name") ?? "", textAt(stated, "type") ?? ""];
  if (name === "")
    return armErrors.invalidParameter(
      "extendedLocation.name",
      "Required parameter 'extendedLocation.name' is missing (null).",
    );
  if (type.toLowerCase() !== "edgezone")
    return armErrors.notOneOf("extendedLocation.type", type, ["EdgeZone"]);
  const zones = (listAt(body, "zones") ?? []).map(String);
  return zones.length === 0
    ? undefined
    : armErrors.invalidParameter(
        "zones",
        `Availability zones '${zones.join(",")}' can't be chosen in the extended location '${name}'.`,
      );
}
