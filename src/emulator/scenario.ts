import { parse } from "yaml";
import type { ActorSetUp } from "./actors/actor.ts";
import { parseActor } from "./actors/parse-actor.ts";
import { isObject, type Json, listAt, objectAt, textAt } from "./model/api/json.ts";
import { parseFaultRule } from "./model/pace/fault-rule-parse.ts";
import type { FaultRule } from "./model/pace/faults.ts";
import { parseScaleSet } from "./model/scale-set/scale-set-set-up-parse.ts";
import type { ScaleSetSetUp } from "./model/scale-set/scale-set-set-up.ts";
import { parseSettings } from "./model/settings-parse.ts";
import type { ModelSettings } from "./model/settings.ts";
import { DEFAULT_SUBSCRIPTION, isGuid } from "./model/subscription/subscriptions.ts";
import { parseVms } from "./model/vm/vm-set-up-parse.ts";
import type { VmSetUp } from "./model/vm/vm-set-up.ts";

/** The initial state of an emulator. */
export interface Scenario {
  readonly resourceGroups: readonly {
    readonly subscriptionId: string;
    readonly name: string;
    readonly location: string;
  }[];
  readonly scaleSets: readonly ScaleSetSetUp[];
  readonly virtualMachines: readonly VmSetUp[];
  readonly settings: Partial<ModelSettings>;
  readonly faults: readonly FaultRule[];
  readonly actors: readonly ActorSetUp[];
  readonly seed?: number;
}

export type ParsedScenario =
  | { readonly ok: true; readonly scenario: Scenario }
  | { readonly ok: false; readonly reason: string };

const MEMBERS = [
  "subscriptionId",
  "location",
  "seed",
  "resourceGroups",
  "scaleSets",
  "virtualMachines",
  "settings",
  "faults",
  "actors",
];
const DEFAULT_LOCATION = "eastus";

/** Reads a scenario file, YAML or JSON. A failure names the wrong member. */
export function parseScenario(text: string): ParsedScenario {
  let json: Json;
  try {
    json = parse(text) as Json;
  } catch (error) {
    return wrong(error instanceof Error ? error.message.trimEnd() : String(error));
  }
  if (!isObject(json)) return wrong("a scenario is a mapping");
  const unknown = Object.keys(json).find((member) => !MEMBERS.includes(member));
  if (unknown !== undefined)
    return wrong(`'${unknown}' is not a member of a scenario; it has ${MEMBERS.join(", ")}`);
  const ownSubscription = textAt(json, "subscriptionId");
  const subscriptionId = ownSubscription ?? DEFAULT_SUBSCRIPTION;
  const location = textAt(json, "location") ?? DEFAULT_LOCATION;
  const groups = (listAt(json, "resourceGroups") ?? []).map((group) =>
    typeof group === "string" ? group : textAt(group, "name"),
  );
  if (groups.some((name) => name === undefined))
    return wrong("a resource group is its name, or a mapping with 'name'");

  const virtualMachines: VmSetUp[] = [];
  const defaults = {
    subscriptionId,
    location,
    ...(groups[0] === undefined ? {} : { resourceGroup: groups[0] }),
  };
  const scaleSets: ScaleSetSetUp[] = [];
  for (const item of listAt(json, "scaleSets") ?? []) {
    const parsed = parseScaleSet(item, defaults);
    if (!parsed.ok) return parsed;
    scaleSets.push(parsed.set);
  }
  for (const item of listAt(json, "virtualMachines") ?? []) {
    const parsed = parseVms(item, defaults);
    if (!parsed.ok) return parsed;
    virtualMachines.push(...parsed.vms);
  }
  const faults: FaultRule[] = [];
  for (const item of listAt(json, "faults") ?? []) {
    const parsed = parseFaultRule(item);
    if (!parsed.ok) return parsed;
    faults.push(parsed.rule);
  }
  const actors: ActorSetUp[] = [];
  for (const item of listAt(json, "actors") ?? []) {
    const parsed = parseActor(item, defaults);
    if (!parsed.ok) return parsed;
    actors.push(parsed.actor);
  }
  const settings = parseSettings(objectAt(json, "settings") ?? {});
  if (!settings.ok) return settings;
  const ids = [{ subscriptionId }, ...scaleSets, ...virtualMachines].map((each) => each.subscriptionId);
  const misnamed = ids.find((id) => !isGuid(id));
  if (misnamed !== undefined) return wrong(`'subscriptionId' is a GUID, not '${misnamed}'`);
  const { seed } = json;
  if (seed !== undefined && (typeof seed !== "number" || !Number.isInteger(seed)))
    return wrong("'seed' is a whole number");
  return {
    ok: true,
    scenario: {
      resourceGroups: groups.map((name) => ({ subscriptionId, name: name ?? "", location })),
      scaleSets,
      virtualMachines,
      settings:
        ownSubscription === undefined
          ? settings.settings
          : {
              ...settings.settings,
              subscriptions: [ownSubscription, ...(settings.settings.subscriptions ?? [])],
            },
      faults,
      actors,
      ...(seed === undefined ? {} : { seed }),
    },
  };
}

function wrong(reason: string): ParsedScenario {
  return { ok: false, reason };
}
