import type { ArmAnswer, ArmRequest } from "../api/arm-message.ts";
import { at, type Json, numberAt, textAt } from "../api/json.ts";
import { type ComputeModel, type ComputeModelOptions, createComputeModel } from "../compute-model.ts";
import type { VmSetUp } from "../vm/vm-set-up.ts";

/** A model on a clock of its own, for tests. */
export interface ModelFixture {
  readonly model: ComputeModel;
  nowMs(): number;
  /** Sends a call below the resource group's compute provider, such as `PUT disks/pvc-1`. */
  send(method: ArmRequest["method"], path: string, body?: Json, more?: Partial<ArmRequest>): ArmAnswer;
  /** Runs until no operation is left that ends by itself. */
  settle(): void;
  advance(ms: number): void;
  /** Sends a write, waits for its end, and returns the status document of its operation. */
  finish(
    method: ArmRequest["method"],
    path: string,
    body?: Json,
    more?: Partial<ArmRequest>,
  ): Json | undefined;
}

const SUBSCRIPTION = "sub-1";
export const COMPUTE = `/subscriptions/${SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute`;
export const START_MS = 1_700_000_000_000;
const EVENTS_MAX = 10_000;

/** Resource group `rg` in eastus and the requested VMs, by default in zone 1. */
export function aModel(
  options: Omit<Partial<ComputeModelOptions>, "virtualMachines"> & {
    virtualMachines?: readonly Partial<VmSetUp>[];
  } = {},
): ModelFixture {
  let nowMs = START_MS;
  const model = createComputeModel({
    clock: { nowMs: () => nowMs },
    ...options,
    resourceGroups: [{ subscriptionId: SUBSCRIPTION, name: "rg", location: "eastus" }],
    virtualMachines: (options.virtualMachines ?? [{ name: "node-a" }, { name: "node-b" }]).map((vm) => ({
      subscriptionId: SUBSCRIPTION,
      resourceGroup: "rg",
      location: "eastus",
      zone: "1",
      name: "node-a",
      ...vm,
    })),
  });
  const send: ModelFixture["send"] = (method, path, body, more = {}) => {
    const [plain = "", search = ""] = path.split("?");
    const query = { "api-version": "2025-04-01", ...Object.fromEntries(new URLSearchParams(search)) };
    return model.handle({
      method,
      path: plain.startsWith("/") ? plain : `${COMPUTE}/${plain}`,
      query,
      ...(body === undefined ? {} : { body }),
      ...more,
    });
  };
  const settle = (): void => {
    for (let events = 0; events < EVENTS_MAX; events += 1) {
      const next = model.nextEventAtMs();
      if (next === undefined) return;
      nowMs = Math.max(nowMs, next);
      model.advanceTo(nowMs);
    }
    throw new Error("the model never comes to rest");
  };
  return {
    model,
    nowMs: () => nowMs,
    send,
    settle,
    advance: (ms) => {
      nowMs += ms;
      model.advanceTo(nowMs);
    },
    finish: (method, path, body, more) => {
      const answer = send(method, path, body, more);
      settle();
      const url = answer.headers["azure-asyncoperation"];
      return url === undefined ? answer.body : send("GET", new URL(url).pathname).body;
    },
  };
}

/** A body that creates an empty disk in zone 1. */
export function diskBody(
  more: {
    readonly sku?: string;
    readonly zones?: readonly string[];
    readonly properties?: Record<string, Json>;
  } = {},
): Json {
  const sku = more.sku ?? "Premium_LRS";
  return {
    location: "eastus",
    zones: more.zones ?? (sku.endsWith("ZRS") ? [] : ["1"]),
    sku: { name: sku },
    properties: { creationData: { createOption: "Empty" }, diskSizeGB: 128, ...more.properties },
  };
}

/** A body that replaces a VM's list of data disks: names by LUN. */
export function listBody(
  disks: Readonly<Record<number, string>>,
  more: Readonly<Record<string, Record<string, Json>>> = {},
): Json {
  return {
    properties: {
      storageProfile: {
        dataDisks: Object.entries(disks).map(([lun, name]) => ({
          lun: Number(lun),
          createOption: "Attach",
          managedDisk: { id: `${COMPUTE}/disks/${name}` },
          ...more[name],
        })),
      },
    },
  };
}

/** `0:pvc-1 1:pvc-2(leaving)`: a VM's list as its GET answers it. */
export function dataDisksOf(fixture: ModelFixture, vm: string): string {
  const list = at(
    fixture.send("GET", `virtualMachines/${vm}`).body,
    "properties",
    "storageProfile",
    "dataDisks",
  ) as readonly Json[];
  return list
    .map(
      (entry) =>
        `${numberAt(entry, "lun") ?? ""}:${textAt(entry, "name") ?? ""}${
          at(entry, "toBeDetached") === true ? "(leaving)" : ""
        }`,
    )
    .join(" ");
}

export function etagOf(fixture: ModelFixture, vm: string): string {
  return fixture.send("GET", `virtualMachines/${vm}`).headers["etag"] ?? "";
}

/** `code` of an error answer, or of the error in an operation's status document. */
export function codeOf(body: Json | undefined): string | undefined {
  return textAt(body, "error", "code");
}
