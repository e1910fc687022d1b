import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "../make-folder.ts";
import { type JsonObject, objectAt } from "../model/api/json.ts";
import { type ComputeModelOptions, createComputeModel } from "../model/compute-model.ts";
import type { DataPlane } from "../model/data-plane-port.ts";
import type { Guests } from "../model/run-command/guests-port.ts";
import { DEFAULT_SETTINGS, formerDefaultsIn, type ModelSettings } from "../model/settings.ts";
import { createLastingModel, type LastingModel } from "./lasting-model.ts";
import { openStateFile } from "./state-file.ts";

const STATE_FILE = "state.jsonl";

/** The set-up of a model, and where its state is kept, if anywhere. */
export type OpenModelOptions = Omit<ComputeModelOptions, "clock" | "hasDataPlane" | "hasGuests"> & {
  readonly stateFolder?: string;
  readonly dataPlane?: DataPlane | (() => Promise<DataPlane>);
  readonly guests?: Guests;
};

/** A new model, or the one whose state is in the folder. */
export async function openModel(
  options: OpenModelOptions,
  clock: { nowMs(): number },
): Promise<LastingModel & { close(): void }> {
  const { stateFolder, dataPlane, guests, seed = 1, settings = {} } = options;
  const { resourceGroups = [], scaleSets = [], virtualMachines = [], faults = [] } = options;
  const hasDataPlane = dataPlane !== undefined;
  const hasGuests = guests !== undefined;
  const setUp = { seed, hasDataPlane, hasGuests, resourceGroups, scaleSets, virtualMachines, faults };
  if (stateFolder === undefined) {
    const model = createComputeModel({ clock, settings, ...setUp });
    return { model, clock, deviceEffects: [], close: () => undefined };
  }
  const settingsFor = (begun: JsonObject | undefined): Partial<ModelSettings> => ({
    ...formerDefaultsIn(objectAt(begun, "settings") ?? {}),
    ...settings,
  });
  await makeFolder(stateFolder);
  const file = await openStateFile(join(await realpath(stateFolder), STATE_FILE), {
    nowMs: clock.nowMs(),
    // As the file has it: members that are undefined, and numbers that JSON cannot express, are gone in both.
    setUp: (begun) =>
      JSON.parse(
        JSON.stringify({ ...setUp, settings: { ...DEFAULT_SETTINGS, ...settingsFor(begun) } }),
      ) as JsonObject,
  });
  try {
    const modelOptions: ComputeModelOptions = { clock, settings: settingsFor(file.setUp), ...setUp };
    return { ...createLastingModel(modelOptions, file), close: () => file.close() };
  } catch (error) {
    file.close();
    throw error;
  }
}
