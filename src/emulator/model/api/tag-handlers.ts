import { runningOperation } from "../vm/vm-state.ts";
import {
  findResourceGroup,
  forgetReads,
  putDisk,
  putResourceGroup,
  putScaleSet,
  putSnapshot,
  putVm,
  type World,
} from "../world.ts";
import { type ArmCall, type ArmMethod, groupOf, type HandlerResult, reply } from "./arm-message.ts";
import { type ArmFailure, armErrors } from "./errors.ts";
import { type Json, objectAt, textAt, textsAt } from "./json.ts";
import { checkTagsAlone } from "./request/check-resource.ts";
import { choiceOf } from "./request/choice.ts";
import { keyOf } from "./resource/resource-id.ts";
import type { Route } from "./router.ts";

type Tags = Readonly<Record<string, string>>;

/** The tags of a resource or a group, as a resource of their own. */
interface Tagged {
  readonly id: string;
  readonly tags: Tags;
  /** Whether another write of it is under way. */
  readonly isBusy: boolean;
  set(tags: Tags): void;
}

const TAGS = "/providers/Microsoft.Resources/tags/default";
const CHANGES = ["Merge", "Replace", "Delete"] as const;

/** The routes of the tags of resources and groups (Learn, Tags - Update At Scope). */
export function tagRoutes(scopes: readonly string[]): readonly Route[] {
  const route = (verb: string, method: ArmMethod, handler: Route["handler"]): readonly Route[] =>
    scopes.map((scope) => ({
      operation: `Tags_${verb}AtScope`,
      method,
      pattern: `${scope}${TAGS}`,
      handler,
    }));
  return [
    ...route(
      "Get",
      "GET",
      onTagged((tagged) => answered(tagged.id, tagged.tags)),
    ),
    ...route(
      "CreateOrUpdate",
      "PUT",
      onTagged((tagged, world, { body }) => {
        const stated = statedIn(body);
        return "code" in stated ? stated : written(world, tagged, stated.tags);
      }),
    ),
    ...route(
      "Update",
      "PATCH",
      onTagged((tagged, world, { body }) => {
        const changed = changedBy(body, tagged.tags);
        return "code" in changed ? changed : written(world, tagged, changed.tags);
      }),
    ),
    ...route(
      "Delete",
      "DELETE",
      onTagged((tagged, world) => {
        const refused = written(world, tagged, {});
        return refused.kind === "Failure" ? refused : reply(200);
      }),
    ),
  ];
}

function onTagged(act: (tagged: Tagged, world: World, call: ArmCall) => HandlerResult): Route["handler"] {
  return (world, call) => {
    const tagged = taggedAt(world, call);
    return "code" in tagged ? tagged : act(tagged, world, call);
  };
}

/** Inferred: that a resource which is being written refuses other tags, as it does a PATCH. */
function written(world: World, tagged: Tagged, tags: Tags): HandlerResult {
  const refused = checkTagsAlone(tags);
  if (refused !== undefined) return refused;
  if (tagged.isBusy) return armErrors.conflict();
  tagged.set(tags);
  if (world.caller !== undefined) forgetReads(world, world.caller, tagged.id);
  return answered(tagged.id, tags);
}

function answered(scope: string, tags: Tags): HandlerResult {
  return reply(200, {
    id: `${scope}${TAGS}`,
    name: "default",
    type: "Microsoft.Resources/tags",
    properties: { tags },
  });
}

/** Inferred: the words of the refusal. */
function statedIn(body: Json | undefined): { readonly tags: Tags } | ArmFailure {
  const stated = objectAt(body, "properties", "tags");
  if (stated === undefined)
    return armErrors.invalidRequestContent("Required property 'tags' not found in 'properties'.");
  return checkTagsAlone(stated) ?? { tags: textsAt(body, "properties", "tags") ?? {} };
}

/**
 * The tags after a PATCH. Names are compared without regard to case. `Delete` takes names, whose value is
 * empty then, or pairs.
 */
function changedBy(body: Json | undefined, present: Tags): { readonly tags: Tags } | ArmFailure {
  const asked = textAt(body, "operation") ?? "";
  const change = choiceOf(CHANGES, asked);
  if (change === undefined)
    return armErrors.invalidRequestContent(
      `Error converting value "${asked}" to type 'TagsPatchOperation'. It is one of ${CHANGES.join(", ")}.`,
    );
  const stated = statedIn(body);
  if ("code" in stated || change === "Replace") return stated;
  const values = new Map(Object.entries(stated.tags).map(([name, value]) => [name.toLowerCase(), value]));
  const kept = Object.entries(present).filter(([name, value]) => {
    const given = values.get(name.toLowerCase());
    return given === undefined || (change === "Delete" && given !== "" && given !== value);
  });
  return { tags: { ...Object.fromEntries(kept), ...(change === "Merge" ? stated.tags : {}) } };
}

function taggedAt(world: World, call: ArmCall): Tagged | ArmFailure {
  const { type, name } = call.params;
  const address = groupOf(call);
  if (type === undefined || name === undefined) {
    const group = findResourceGroup(world, address);
    if (group === undefined) return armErrors.resourceGroupNotFound(address.resourceGroup);
    return {
      id: `/subscriptions/${group.subscriptionId}/resourceGroups/${group.name}`,
      tags: group.tags ?? {},
      isBusy: false,
      set: (tags) => void putResourceGroup(world, { ...group, tags }),
    };
  }
  return (
    resourceAt(world, call.path.slice(0, -TAGS.length)) ??
    armErrors.resourceNotFound(type, name, address.resourceGroup)
  );
}

function resourceAt(world: World, id: string): Tagged | undefined {
  const key = keyOf(id);
  const isRunning = ({ operationId }: { readonly operationId?: string }): boolean =>
    operationId !== undefined && world.running.has(operationId);
  const disk = world.disks.get(key);
  if (disk !== undefined)
    return {
      id: disk.id,
      tags: disk.spec.tags ?? {},
      isBusy: isRunning(disk),
      set: (tags) => void putDisk(world, { ...disk, spec: { ...disk.spec, tags } }),
    };
  const snapshot = world.snapshots.get(key);
  if (snapshot !== undefined)
    return {
      id: snapshot.id,
      tags: snapshot.tags ?? {},
      isBusy: isRunning(snapshot),
      set: (tags) => void putSnapshot(world, { ...snapshot, tags }),
    };
  const vm = world.virtualMachines.get(key);
  if (vm !== undefined)
    return {
      id: vm.id,
      tags: vm.tags ?? {},
      isBusy: runningOperation(world, vm) !== undefined,
      set: (tags) => void putVm(world, { ...vm, tags, etag: vm.etag + 1 }),
    };
  const set = world.scaleSets.get(key);
  if (set !== undefined)
    return {
      id: set.id,
      tags: set.tags ?? {},
      isBusy: isRunning(set),
      set: (tags) => void putScaleSet(world, { ...set, tags, etag: set.etag + 1 }),
    };
  const availabilitySet = world.availabilitySets.get(key);
  if (availabilitySet !== undefined)
    return {
      id: availabilitySet.id,
      tags: availabilitySet.tags ?? {},
      isBusy: false,
      set: (tags) => void world.availabilitySets.set(key, { ...availabilitySet, tags }),
    };
  const linked = world.linkedResources.get(key);
  return linked === undefined
    ? undefined
    : {
        id: linked.id,
        tags: linked.tags ?? {},
        isBusy: isRunning(linked),
        set: (tags) => void world.linkedResources.set(key, { ...linked, tags }),
      };
}
