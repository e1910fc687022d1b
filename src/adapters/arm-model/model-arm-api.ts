import type { ArmAnswer as ModelAnswer, ArmRequest } from "../../emulator/model/api/arm-message.ts";
import type { Clock } from "../../ports/clock.ts";
import type {
  ArmAnswer,
  ArmApi,
  ArmGroup,
  ArmName,
  ArmVmName,
  NextPage,
} from "../../provisioner/arm/arm-api.ts";
import { ownError, ownErrorCodes } from "../../provisioner/arm/arm-error.ts";
import { readPages } from "../arm-wire/read-pages.ts";
import {
  readDiskResource,
  readSnapshotResource,
  readVmResource,
  readSku,
  readUsage,
  vmSizesAmong,
} from "../arm-wire/read-resources.ts";
import {
  readSent,
  type SentAnswer,
  startedFrom,
  statusFrom,
  valueFrom,
  type WireAnswer,
} from "../arm-wire/wire-answer.ts";
import { diskBody, diskChangeBody, snapshotBody } from "../arm-wire/write-resources.ts";

/** What the adapter needs of the emulator's model. */
export interface ModelArmApiOptions {
  readonly model: { handle(request: ArmRequest): ModelAnswer };
  /** The subscription whose VM sizes are listed; all other calls name their subscription. */
  readonly subscriptionId: string;
  readonly clock: Clock;
  /**
   * The calling client, where one client's reads may lag behind another's writes. Default: all calls
   * are one client's.
   */
  readonly caller?: string;
  /** How long each half of a call's way takes, in milliseconds. Default 0: calls are answered at once. */
  readonly oneWayMs?: () => number;
}

interface PollAddress {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
}

/** A request as the model takes it, with the API version left out. */
type SentRequest = Omit<ArmRequest, "query"> & {
  readonly clientRequestId: string;
  readonly query?: Readonly<Record<string, string>>;
};

/** Addresses of operations that are remembered. */
const POLLED_MAX = 100;

/**
 * Builds `ArmApi` over the emulator's model, called directly: simulations run on it. It speaks the
 * wire's JSON, so a mistake of ours alone can't hide on both sides.
 */
export function createModelArmApi(options: ModelArmApiOptions): ArmApi {
  const { model, clock } = options;
  const group = ({ subscriptionId, resourceGroup }: ArmGroup): string =>
    `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute`;
  const diskPath = (disk: ArmName): string => `${group(disk)}/disks/${disk.name}`;
  const snapshotPath = (snapshot: ArmName): string => `${group(snapshot)}/snapshots/${snapshot.name}`;
  const vmPath = ({ scaleSet, ...vm }: ArmVmName): string =>
    scaleSet === undefined
      ? `${group(vm)}/virtualMachines/${vm.name}`
      : `${group(vm)}/virtualMachineScaleSets/${scaleSet.name}/virtualMachines/${scaleSet.instanceId}`;

  /**
   * Operations by the addresses of their polls: each is polled many times, and parsing an address takes
   * longer than answering.
   */
  const polled = new Map<string, PollAddress>();
  function addressOf(pollUrl: string): PollAddress {
    const known = polled.get(pollUrl);
    if (known !== undefined) return known;
    const url = new URL(pollUrl);
    const address = { path: decodeURIComponent(url.pathname), query: Object.fromEntries(url.searchParams) };
    if (polled.size >= POLLED_MAX) polled.clear();
    polled.set(pollUrl, address);
    return address;
  }

  async function send(request: SentRequest, signal: AbortSignal): Promise<SentAnswer> {
    const onTheWay = async (ms: number): Promise<boolean> => {
      if (ms > 0) await clock.sleep(ms, signal);
      return !signal.aborted;
    };
    const cancelled = (): SentAnswer => ({
      lost: ownError(ownErrorCodes.cancelled, "the caller gave up", request.clientRequestId),
    });
    try {
      if (!(await onTheWay(options.oneWayMs?.() ?? 0))) return cancelled();
      const { delivery, status, headers, body } = model.handle({
        ...request,
        ...(options.caller === undefined ? {} : { caller: options.caller }),
        query: { "api-version": API_VERSION, ...request.query },
      });
      if (
        !(await onTheWay((options.oneWayMs?.() ?? 0) + (delivery.kind === "Delayed" ? delivery.delayMs : 0)))
      )
        return cancelled();
      if (delivery.kind === "Dropped")
        return { lost: ownError(ownErrorCodes.noAnswer, "the connection broke", request.clientRequestId) };
      return { statusCode: status, headers, body, atMs: clock.nowMs() };
    } catch (reason) {
      if (!signal.aborted) throw reason;
      return cancelled();
    }
  }

  async function list<T>(
    request: {
      readonly path: string;
      readonly query?: Readonly<Record<string, string>>;
      readonly clientRequestId: string;
      readonly nextPage: NextPage | undefined;
    },
    readItem: (item: unknown) => T,
    signal: AbortSignal,
  ): Promise<ArmAnswer<readonly T[]>> {
    const { path, query = {}, clientRequestId } = request;
    const page = (of: Readonly<Record<string, string>>): Promise<SentAnswer> =>
      send({ method: "GET", path, clientRequestId, query: of }, signal);
    const get = (nextLink: string): Promise<SentAnswer> =>
      page(Object.fromEntries(new URL(nextLink).searchParams));
    return readPages(await page(query), { ...request, get, readItem });
  }

  async function call<T>(
    request: SentRequest,
    read: (answer: WireAnswer) => ArmAnswer<T>,
    signal: AbortSignal,
  ): Promise<ArmAnswer<T>> {
    return readSent(await send(request, signal), read);
  }

  const get = <T>(request: Omit<SentRequest, "method">, read: (body: unknown) => T, signal: AbortSignal) =>
    call({ method: "GET", ...request }, (answer) => valueFrom(answer, read), signal);
  /** Azure reports operations on snapshots as it does those on disks. */
  const start = (request: SentRequest, signal: AbortSignal) =>
    call(request, (answer) => startedFrom(answer, "disk"), signal);

  return {
    getDisk: ({ clientRequestId, ...name }, signal) =>
      get({ path: diskPath(name), clientRequestId }, readDiskResource, signal),
    listDisks: ({ clientRequestId, nextPage, ...place }, signal) =>
      list({ path: `${group(place)}/disks`, clientRequestId, nextPage }, readDiskResource, signal),
    startDiskCreateOrUpdate: ({ disk, clientRequestId, ...name }, signal) =>
      start({ method: "PUT", path: diskPath(name), body: diskBody(disk), clientRequestId }, signal),
    startDiskUpdate: ({ change, clientRequestId, ...name }, signal) =>
      start({ method: "PATCH", path: diskPath(name), body: diskChangeBody(change), clientRequestId }, signal),
    startDiskDelete: ({ clientRequestId, ...name }, signal) =>
      start({ method: "DELETE", path: diskPath(name), clientRequestId }, signal),
    getSnapshot: ({ clientRequestId, ...name }, signal) =>
      get({ path: snapshotPath(name), clientRequestId }, readSnapshotResource, signal),
    listSnapshots: ({ clientRequestId, nextPage, ...place }, signal) =>
      list({ path: `${group(place)}/snapshots`, clientRequestId, nextPage }, readSnapshotResource, signal),
    startSnapshotCreate: ({ snapshot, clientRequestId, ...name }, signal) =>
      start(
        { method: "PUT", path: snapshotPath(name), body: snapshotBody(snapshot), clientRequestId },
        signal,
      ),
    startSnapshotUpdate: ({ tags, clientRequestId, ...name }, signal) =>
      start(
        { method: "PATCH", path: snapshotPath(name), body: { tags: { ...tags } }, clientRequestId },
        signal,
      ),
    startSnapshotDelete: ({ clientRequestId, ...name }, signal) =>
      start({ method: "DELETE", path: snapshotPath(name), clientRequestId }, signal),
    listVmSizes: async ({ location, clientRequestId, nextPage }, signal) =>
      vmSizesAmong(
        await list(
          {
            path: `/subscriptions/${options.subscriptionId}/providers/Microsoft.Compute/skus`,
            query: { $filter: `location eq '${location}'` },
            clientRequestId,
            nextPage,
          },
          readSku,
          signal,
        ),
      ),
    listUsages: ({ location, clientRequestId, nextPage }, signal) =>
      list(
        {
          path: `/subscriptions/${options.subscriptionId}/providers/Microsoft.Compute/locations/${location}/usages`,
          clientRequestId,
          nextPage,
        },
        readUsage,
        signal,
      ),
    getVm: ({ instanceView, clientRequestId, ...name }, signal) =>
      get(
        {
          path: vmPath(name),
          clientRequestId,
          ...(instanceView ? { query: { $expand: "instanceView" } } : {}),
        },
        readVmResource,
        signal,
      ),
    startVmUpdate: ({ change, ifMatch, clientRequestId, ...name }, signal) => {
      const body = {
        ...(change.tags === undefined ? {} : { tags: change.tags }),
        ...(change.dataDisks === undefined
          ? {}
          : {
              properties: { storageProfile: { dataDisks: change.dataDisks.map((entry) => ({ ...entry })) } },
            }),
      };
      const method = name.scaleSet === undefined ? "PATCH" : "PUT";
      return call(
        { method, path: vmPath(name), ifMatch, body, clientRequestId },
        (answer) => startedFrom(answer, "vm"),
        signal,
      );
    },
    startVmPowerOff: ({ clientRequestId, ...name }, signal) =>
      call(
        {
          method: "POST",
          path: `${vmPath(name)}/powerOff`,
          query: { skipShutdown: "true" },
          clientRequestId,
        },
        (answer) => startedFrom(answer, "vm"),
        signal,
      ),
    pollOperation: ({ operation, clientRequestId }, signal) =>
      call(
        { method: "GET", ...addressOf(operation.pollUrl ?? ""), clientRequestId },
        (answer) => statusFrom(answer, operation),
        signal,
      ),
  };
}

const API_VERSION = "2025-04-01";
