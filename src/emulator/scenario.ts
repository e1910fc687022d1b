import { parse } from "yaml";
import * as z from "zod";
import { parseActor } from "./actors/actor.ts";
import type { EmulatorOptions } from "./index.ts";
import type { Json } from "./model/api/json.ts";
import { anyValue, type Input, listOf, members, readInput, text, whole, wrong } from "./model/input.ts";
import { parseFaultRule } from "./model/pace/fault-rule.ts";
import { parseScaleSet } from "./model/scale-set/scale-set-set-up-parse.ts";
import { parseSettings } from "./model/settings.ts";
import { DEFAULT_SUBSCRIPTION, isGuid } from "./model/subscription/subscriptions.ts";
import { parseVms } from "./model/vm/vm-set-up-parse.ts";
import type { WorldSetUp } from "./model/world.ts";

/** The initial state of an emulator. */
export type Scenario = Required<WorldSetUp & Pick<EmulatorOptions, "settings" | "actors">> &
  Pick<EmulatorOptions, "seed">;

const DEFAULT_LOCATION = "eastus";

const items = listOf(anyValue).default([]);

const file = members({
  subscriptionId: text.exactOptional(),
  location: text.default(DEFAULT_LOCATION),
  seed: whole(-Infinity).exactOptional(),
  resourceGroups: listOf(
    z.union([text, members({ name: text }).transform(({ name }) => name)], "is its name, or {name}"),
  ).default([]),
  scaleSets: items,
  virtualMachines: items,
  settings: anyValue.default({}),
  faults: items,
  actors: items,
});

/** Reads a scenario file, YAML or JSON. A failure names the wrong member. */
export function parseScenario(content: string): Input<Scenario> {
  let json: Json;
  try {
    json = parse(content) as Json;
  } catch (error) {
    return wrong(error instanceof Error ? error.message.trimEnd() : String(error));
  }
  const read = readInput("a scenario", file, json);
  if (!read.ok) return read;
  const { subscriptionId = DEFAULT_SUBSCRIPTION, location, seed, resourceGroups: groups } = read.value;
  const [resourceGroup] = groups;
  const defaults = { subscriptionId, location, ...(resourceGroup === undefined ? {} : { resourceGroup }) };
  const place = { subscriptionId, ...(resourceGroup === undefined ? {} : { resourceGroup }) };
  const scaleSets = readEach(read.value.scaleSets, (item) => parseScaleSet(item, defaults));
  if (!scaleSets.ok) return scaleSets;
  const vms = readEach(read.value.virtualMachines, (item) => parseVms(item, defaults));
  if (!vms.ok) return vms;
  const faults = readEach(read.value.faults, parseFaultRule);
  if (!faults.ok) return faults;
  const actors = readEach(read.value.actors, (item) => parseActor(item, place));
  if (!actors.ok) return actors;
  const settings = parseSettings(read.value.settings);
  if (!settings.ok) return settings;
  const virtualMachines = vms.value.flat();
  const ids = [{ subscriptionId }, ...scaleSets.value, ...virtualMachines].map((each) => each.subscriptionId);
  const misnamed = ids.find((id) => !isGuid(id));
  if (misnamed !== undefined) return wrong(`'subscriptionId' is a GUID, not '${misnamed}'`);
  const named = read.value.subscriptionId === undefined ? [] : [subscriptionId];
  return {
    ok: true,
    value: {
      resourceGroups: groups.map((name) => ({ subscriptionId, name, location })),
      scaleSets: scaleSets.value,
      virtualMachines,
      settings: {
        ...settings.value,
        ...(named.length === 0 ? {} : { subscriptions: [...named, ...(settings.value.subscriptions ?? [])] }),
      },
      faults: faults.value,
      actors: actors.value,
      ...(seed === undefined ? {} : { seed }),
    },
  };
}

function readEach<T>(list: readonly Json[], read: (item: Json) => Input<T>): Input<readonly T[]> {
  const values: T[] = [];
  for (const item of list) {
    const one = read(item);
    if (!one.ok) return one;
    values.push(one.value);
  }
  return { ok: true, value: values };
}
