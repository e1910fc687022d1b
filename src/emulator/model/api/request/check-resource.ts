import { checkEdgeZone, edgeZoneIn, edgeZoneOf, isSameEdgeZone } from "../../subscription/edge-zones.ts";
import { checkRegion, hasRegion, regionsOf } from "../../subscription/regions.ts";
import { normalLocation, type World } from "../../world.ts";
import type { ArmCall, ArmMethod } from "../arm-message.ts";
import { type ArmFailure, armErrors } from "../errors.ts";
import { isObject, type Json, type JsonObject, listAt, objectAt, textAt, textsAt } from "../json.ts";
import { keyOf } from "../resource/resource-id.ts";
import { type BodyPath, charactersBefore, pathText } from "./body-position.ts";
import { charactersRead, conversionProblem, integerProblem, textProblem } from "./conversion-problem.ts";

/** The members of a resource that Resource Manager reads itself, whatever its type, in lower case. */
const MEMBERS = [
  "apiVersion",
  "etag",
  "extendedLocation",
  "id",
  "identity",
  "instanceId",
  "kind",
  "location",
  "managedBy",
  "managedByExtended",
  "name",
  "placement",
  "plan",
  "properties",
  "resources",
  "scale",
  "sku",
  "systemData",
  "tags",
  "type",
  "zones",
].map((member) => member.toLowerCase());

const TAGS_MAX = 50;
const TAG_NAME_MAX = 512;
const TAG_VALUE_MAX = 256;
const RESERVED_IN_TAGS = /[<>%&\\?/\p{Cc}]/u;
/** Tags of the portal, in which reserved characters are allowed. */
const PORTAL_TAG = /^(?:hidden|link)/i;

/**
 * Why Resource Manager refuses a PUT or PATCH of a resource or a group before its provider sees it: by its
 * members, its SKU, its tags, its zones, or a region that is not that of the existing resource. `sent` is the
 * body with its members as the client spells them.
 */
export function checkResource(
  world: World,
  call: ArmCall & { readonly method: ArmMethod },
  sent: Json | undefined,
): ArmFailure | undefined {
  const { method, body } = call;
  if ((method !== "PUT" && method !== "PATCH") || body === undefined || sent === undefined) return undefined;
  const refused =
    checkMembers(sent) ??
    checkTypes(sent) ??
    checkTags(body) ??
    checkZones(body, call.path) ??
    checkEdgeZoneKept(world, call);
  if (refused !== undefined || method === "PATCH") return refused;
  return checkSkuName(body) ?? checkLocation(world, call) ?? checkEdgeZone(body);
}

/**
 * Resource Manager counts one character beyond the colon. All recordings of which the body is known fit that,
 * and no other reading: position 44 of `hardware_profile` (canonical/pycloudlib#501), 20 of `cloudConnectors`
 * as the first member (Microsoft.Purview in the examples of azapi), and 17 in an indented line of 2017 with
 * `AccountType` (azure-powershell#4309).
 */
function checkMembers(body: Json): ArmFailure | undefined {
  if (!isObject(body))
    return armErrors.invalidRequestContent(
      "Cannot deserialize the current JSON value into type 'ResourceDefinition' because the type requires " +
        'a JSON object (e.g. {"name":"value"}) to deserialize correctly.',
    );
  const unknown = Object.keys(body).find((member) => !MEMBERS.includes(member.toLowerCase()));
  return unknown === undefined
    ? undefined
    : armErrors.invalidRequestContent(
        `Could not find member '${unknown}' on object of type 'ResourceDefinition'. ` +
          `Path '${unknown}', line 1, position ${charactersBefore(body, [unknown]) + 1}.`,
      );
}

/** The type of a member that Resource Manager reads, and that of its parts. */
interface ReadMember {
  readonly type: string;
  readonly is: (value: Json) => boolean;
  readonly problem: (value: Json | undefined, name: string) => string | undefined;
}

/** Recorded is the refusal of a tag that is an object (azure-tools-for-java#1014); the rest is inferred. */
const READ: Readonly<Record<string, ReadMember>> = {
  tags: {
    type: "System.Collections.Generic.IDictionary`2[System.String,System.String]",
    is: isObject,
    problem: textProblem,
  },
  zones: { type: "System.String[]", is: Array.isArray, problem: textProblem },
  sku: {
    type: "ResourceSku",
    is: isObject,
    problem: (value, name) =>
      name.toLowerCase() === "capacity" ? integerProblem(value) : textProblem(value),
  },
};

function checkTypes(body: Json): ArmFailure | undefined {
  const refuse = (problem: string, path: BodyPath, value: Json): ArmFailure => {
    const position = charactersBefore(body, path) + charactersRead(value);
    return armErrors.invalidRequestContent(
      `${problem} Path '${pathText(path)}', line 1, position ${position}.`,
    );
  };
  for (const [member, value] of Object.entries(isObject(body) ? body : {})) {
    const read = READ[member.toLowerCase()];
    if (read === undefined || value === undefined || value === null) continue;
    if (!read.is(value)) return refuse(conversionProblem(value, read.type), [member], value);
    for (const [name, part] of Object.entries(value)) {
      const problem = read.problem(part, name);
      const step = Array.isArray(value) ? Number(name) : name;
      if (problem !== undefined) return refuse(problem, [member, step], part);
    }
  }
  return undefined;
}

/** A disk or a VM is in one zone. */
function checkZones(body: Json, path: string): ArmFailure | undefined {
  const zones = (listAt(body, "zones") ?? []).map(String);
  const [, type = ""] = /\/providers\/Microsoft\.Compute\/(disks|virtualMachines)\/[^/]+$/i.exec(path) ?? [];
  return type === "" || zones.length < 2 ? undefined : armErrors.multipleZones(type, zones);
}

/** A SKU needs a name: recorded of PUTs of disks (JeffBow/AzurePowerShell#14). */
function checkSkuName(body: Json): ArmFailure | undefined {
  return objectAt(body, "sku") === undefined || textAt(body, "sku", "name") !== undefined
    ? undefined
    : armErrors.skuWithoutName();
}

/** Why Resource Manager refuses tags that are the whole of a write. */
export function checkTagsAlone(tags: JsonObject): ArmFailure | undefined {
  return checkTypes({ tags }) ?? checkTags({ tags });
}

/** Codes and texts are those of Azure PowerShell, which checks tags as Resource Manager does. */
function checkTags(body: Json): ArmFailure | undefined {
  const names = Object.keys(objectAt(body, "tags") ?? {});
  if (names.length > TAGS_MAX) return armErrors.tooManyTags(names.length, TAGS_MAX);
  if (names.some((name) => name.trim() === "")) return armErrors.emptyTagName();
  const reserved = names.filter((name) => RESERVED_IN_TAGS.test(name) && !PORTAL_TAG.test(name));
  if (reserved.length > 0) return armErrors.reservedInTagNames(reserved);
  const long = names.find((name) => name.length > TAG_NAME_MAX);
  if (long !== undefined) return armErrors.tagNameTooLong(long, TAG_NAME_MAX);
  const values = Object.values(textsAt(body, "tags") ?? {});
  const value = values.find((text) => text.length > TAG_VALUE_MAX);
  return value === undefined ? undefined : armErrors.tagValueTooLong(value, TAG_VALUE_MAX);
}

/** A resource or a group is in a region of its subscription, and stays where it is. */
function checkLocation(world: World, { body, path }: ArmCall): ArmFailure | undefined {
  const location = textAt(body, "location");
  if (location === undefined) return undefined;
  const [, type] = /\/providers\/(Microsoft\.Compute\/[^/]+)\/[^/]+$/i.exec(path) ?? [];
  const unavailable =
    type === undefined
      ? hasRegion(world, location)
        ? undefined
        : armErrors.groupLocationNotAvailable(location, regionsOf(world))
      : checkRegion(world, location, type);
  if (unavailable !== undefined) return unavailable;
  const key = keyOf(path);
  const isElsewhere = (present: { readonly location: string }): boolean =>
    normalLocation(present.location) !== normalLocation(location);
  const group = world.resourceGroups.get(key);
  if (group !== undefined && isElsewhere(group))
    return armErrors.groupInOtherLocation(group.location, location);
  const resource =
    world.disks.get(key) ??
    world.snapshots.get(key) ??
    world.virtualMachines.get(key) ??
    world.scaleSets.get(key) ??
    world.availabilitySets.get(key) ??
    world.linkedResources.get(key);
  return resource !== undefined && isElsewhere(resource)
    ? armErrors.resourceInOtherLocation(resource, location)
    : undefined;
}

/** Inferred: a resource stays in its edge zone, and a write that states none keeps it, as it does zones. */
function checkEdgeZoneKept(world: World, { body, path }: ArmCall): ArmFailure | undefined {
  const stated = edgeZoneIn(body);
  if (edgeZoneOf(stated) === "") return undefined;
  const key = keyOf(path);
  const present =
    world.disks.get(key) ??
    world.snapshots.get(key) ??
    world.virtualMachines.get(key) ??
    world.scaleSets.get(key);
  if (present === undefined || isSameEdgeZone(present, stated)) return undefined;
  const { location } = present;
  return armErrors.resourceInOtherLocation(
    { ...present, location: `${location}/${edgeZoneOf(present)}` },
    `${location}/${edgeZoneOf(stated)}`,
  );
}
