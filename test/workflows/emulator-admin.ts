import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import type { Lab } from "../../demo/lab/lab.ts";
import { waitUntil } from "../../demo/wait-until.ts";
import type { JournalEntry } from "../../src/emulator/model/api/journal.ts";
import type { Identities } from "../../src/emulator/model/authorization/identities.ts";
import { DEFAULT_LATENCIES, type Latency } from "../../src/emulator/model/pace/latency.ts";
import { type JsonAnswer, requestAnswer } from "../../testbed/lab/cluster/https-json.ts";

/** Changes the speed of the emulator's Azure: its latencies times this. */
export async function setAzureTimeScale(lab: Lab, timeScale: number): Promise<void> {
  await answerOf(lab, "PATCH", "/emulator/v1/settings", { timeScale });
}

/**
 * Gives the notice of scheduled events that many times as long, while operations take as long as before:
 * the throttling's windows get longer too, and nothing is throttled.
 */
export async function lengthenNotices(lab: Lab, factor: number): Promise<void> {
  const shorter = ({ medianMs, p99Ms, perDiskMs = 0 }: Latency): Latency => ({
    medianMs: medianMs / factor,
    p99Ms: p99Ms / factor,
    perDiskMs: perDiskMs / factor,
  });
  const latencies = Object.fromEntries(
    Object.entries(DEFAULT_LATENCIES).map(([name, latency]) => [name, shorter(latency)]),
  );
  const settings = { timeScale: lab.timeScale * factor, latencies, throttling: "off" };
  await answerOf(lab, "PATCH", "/emulator/v1/settings", settings);
}

/** Adds a rule by which calls or operations fail. Returns what removes it. */
export async function addFault(lab: Lab, rule: object): Promise<() => Promise<void>> {
  const { body } = await answerOf(lab, "POST", "/emulator/v1/faults", rule);
  const { id } = body as { readonly id: string };
  return async () => void (await answerOf(lab, "DELETE", `/emulator/v1/faults/${id}`));
}

/**
 * Cuts off the disks of a node's VM, or returns its power, and resolves once that is done. Azure shows a
 * silent loss as running.
 */
export async function strikeVm(
  lab: Lab,
  nodeName: string,
  event: "PowerLoss" | "SilentPowerLoss" | "PowerReturn",
): Promise<void> {
  const vmId = (await lab.emulator.instances()).get(nodeName)?.instanceUri;
  await answerOf(lab, "POST", "/emulator/v1/virtualMachineEvents", { vmId, event });
  const isOn = event === "PowerReturn";
  await waitUntil(`${event} of ${nodeName}`, OPERATION_MAX_MS, async () => {
    const { body } = await answerOf(lab, "GET", "/emulator/v1/state");
    const vm = (body as EmulatedVms).virtualMachines.find(({ id }) => id === vmId);
    return vm?.emulator.guestResponsive === isOn ? true : undefined;
  });
}

interface EmulatedVms {
  readonly virtualMachines: readonly {
    readonly id: string;
    readonly emulator: { readonly guestResponsive: boolean };
  }[];
}

/** Changes who can sign in to the emulator's Azure, and whose tokens it accepts. */
export async function setIdentities(lab: Lab, identities: Identities): Promise<void> {
  await answerOf(lab, "PATCH", "/emulator/v1/settings", { identities });
}

/** Adds a resource group, in any subscription. */
export async function addResourceGroup(
  lab: Lab,
  group: { readonly subscriptionId: string; readonly name: string; readonly location: string },
): Promise<void> {
  await answerOf(lab, "POST", "/emulator/v1/resourceGroups", group);
}

/** The emulator's calls after a sequence number, oldest first. Default: only the last sequence number. */
export async function emulatorJournal(
  lab: Lab,
  since = Number.MAX_SAFE_INTEGER,
): Promise<{ readonly lastSequence: number; readonly value: readonly JournalEntry[] }> {
  const { body } = await answerOf(lab, "GET", `/emulator/v1/journal?since=${since}`);
  return body as Awaited<ReturnType<typeof emulatorJournal>>;
}

const VERSION = "api-version=2025-04-01";
const OPERATION_MAX_MS = 300_000;

/** Reads a resource, or what is below it, as another client of the lab's Azure. */
export async function readAzure(lab: Lab, resource: string): Promise<unknown> {
  return (await answerOf(lab, "GET", `${resource}?${VERSION}`)).body;
}

/**
 * Writes as another client of the lab's Azure. Resolves once Azure has accepted it, with what waits for the
 * end of the operation.
 */
export async function beginWriteAzure(
  lab: Lab,
  method: "PATCH" | "POST",
  resource: string,
  body?: object,
): Promise<() => Promise<void>> {
  const { headers } = await answerOf(lab, method, `${resource}?${VERSION}`, body);
  const operation = new URL(String(headers["azure-asyncoperation"]));
  return async () => {
    const status = await waitUntil(`${method} ${resource} to end`, OPERATION_MAX_MS, async () => {
      const polled = await answerOf(lab, "GET", operation.pathname + operation.search);
      const { status: now } = polled.body as { readonly status: string };
      return now === "InProgress" ? undefined : now;
    });
    assert.equal(status, "Succeeded", `${method} ${resource}`);
  };
}

/** Writes as another client of the lab's Azure, and waits for the end of the operation. */
export async function writeAzure(...write: Parameters<typeof beginWriteAzure>): Promise<void> {
  const ended = await beginWriteAzure(...write);
  await ended();
}

/** An event that a VM's metadata service announces. */
export interface AnnouncedEvent {
  readonly EventId: string;
  readonly EventType: string;
  readonly EventStatus: string;
  /** Names of VMs. */
  readonly Resources: readonly string[];
}

/** The scheduled events that a VM sees, as an agent on it reads them. */
export async function scheduledEvents(lab: Lab, vmName: string): Promise<readonly AnnouncedEvent[]> {
  const { body } = await answerOf(lab, "GET", eventsPath(vmName));
  return (body as { readonly Events: readonly AnnouncedEvent[] }).Events;
}

/** Approves an event, as an agent on the VM does. */
export async function approveEvent(lab: Lab, vmName: string, EventId: string): Promise<void> {
  await answerOf(lab, "POST", eventsPath(vmName), { StartRequests: [{ EventId }] });
}

function eventsPath(vmName: string): string {
  return `/emulator/v1/imds/${vmName}/metadata/scheduledevents?api-version=2020-07-01`;
}

/** Rejects if the emulator refuses the call. */
async function answerOf(lab: Lab, method: string, path: string, body?: object): Promise<JsonAnswer> {
  const { azure = "", "azure-ca": caFile = "" } = lab.endpoints;
  const headers = { authorization: "Bearer another-client", metadata: "true" };
  return requestAnswer(
    { ca: await readFile(caFile, "utf8") },
    { url: `${azure}${path}`, method, body, headers },
  );
}
