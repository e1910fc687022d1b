import type { Agent } from "node:https";
import {
  ComputeManagementClient,
  type ComputeManagementClientOptionalParams,
  type DataDisk,
  type Disk,
  type DiskUpdate,
  type Snapshot,
  type VirtualMachineScaleSetVM,
  type VirtualMachineUpdate,
} from "@azure/arm-compute";
import {
  auxiliaryAuthenticationHeaderPolicy,
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineRequest,
  type HttpClient,
} from "@azure/core-rest-pipeline";
import type { TokenCredential } from "@azure/identity";
import type { Clock } from "../../ports/clock.ts";
import type {
  ArmAnswer,
  ArmApi,
  ArmDataDisk,
  ArmDisk,
  ArmSnapshot,
  ArmVm,
  ArmVmName,
  NextPage,
} from "../../provisioner/arm/arm-api.ts";
import { readPages } from "../arm-wire/read-pages.ts";
import {
  readDiskResource,
  readSnapshotResource,
  readVmResource,
  readSku,
  readUsage,
  vmSizesAmong,
} from "../arm-wire/read-resources.ts";
import { readSent, type SentAnswer, startedFrom, statusFrom, valueFrom } from "../arm-wire/wire-answer.ts";
import { diskBody, diskChangeBody, snapshotBody } from "../arm-wire/write-resources.ts";
import { createApiVersionPolicy, type ReplacedVersion } from "./api-version-policy.ts";
import { type ApiVersions, defaultApiVersions } from "./api-versions.ts";
import { type CallOptions, sendThroughSdk } from "./sdk-call.ts";

/** How to reach Azure. */
export interface SdkArmApiOptions {
  readonly credential: TokenCredential;
  /** Of other tenants, whose resources VMs refer to. Default: none. */
  readonly auxiliaryCredentials?: readonly TokenCredential[];
  /** Whose sizes of VMs are listed, and whose client polls; all other calls name their subscription. */
  readonly subscriptionId: string;
  /**
   * Azure Resource Manager's address, such as `https://management.azure.com`; an emulator's must be HTTPS
   * too, or the SDK sends no token.
   */
  readonly endpoint: string;
  /**
   * Certificates, in PEM, that the endpoint's may be signed by besides the well-known ones. Default: none.
   */
  readonly caPem?: string;
  /** Default: the SDK's own connections. */
  readonly agent?: Agent;
  /** How Azure's logs show the driver, such as `driver/1.0 suffix`. Default: `driverUserAgent`. */
  readonly userAgent?: string | undefined;
  readonly clock: Clock;
  /** Default: `defaultApiVersions`. */
  readonly apiVersions?: ApiVersions;
  /** A cloud does not have one of them. */
  readonly onReplacedVersion?: (replaced: ReplacedVersion) => void;
  /** Longest wait for one answer, in milliseconds. Default 60 s, what Azure's own drivers wait. */
  readonly requestTimeoutMs?: number;
}

const REQUEST_TIMEOUT_MS = 60_000;

/** How Azure's logs show the driver. */
export const driverUserAgent = "azuredisk-csi-driver-v2";

/**
 * Builds `ArmApi` over the official SDK. Its typed operations build and send the requests (paths, API
 * versions, bodies, authentication); its own retries are off, since the budget above must see every
 * call. Answers are read from the wire, because the SDK drops what we need: a cancelled poller loses
 * the code (`OperationPreempted`), a failed one keeps it only inside a sentence, and one lost poll ends
 * a poller for good. For the same reasons operations are polled by plain GETs through the SDK's
 * pipeline, and so in steps of our clock.
 */
export function createSdkArmApi(options: SdkArmApiOptions): ArmApi {
  const httpClient = createDefaultHttpClient();
  const { userAgent: ownUserAgent = driverUserAgent } = options;
  const clientOf = createClients({ ...options, userAgent: ownUserAgent }, httpClient);
  const timeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;

  function send(
    clientRequestId: string,
    invoke: (call: CallOptions) => Promise<unknown>,
    signal: AbortSignal,
  ): Promise<SentAnswer> {
    return sendThroughSdk({ clientRequestId, timeoutMs, nowMs: () => options.clock.nowMs() }, invoke, signal);
  }

  function get(url: string, clientRequestId: string, signal: AbortSignal): Promise<SentAnswer> {
    return send(
      clientRequestId,
      async (call) => {
        const headers = createHttpHeaders({ accept: "application/json", ...call.requestOptions.headers });
        call.onResponse(
          await clientOf(options.subscriptionId).pipeline.sendRequest(
            httpClient,
            createPipelineRequest({ url, headers, abortSignal: call.abortSignal }),
          ),
        );
      },
      signal,
    );
  }

  async function list<T>(
    request: {
      readonly clientRequestId: string;
      readonly nextPage: NextPage | undefined;
      readonly first: (call: CallOptions) => Promise<unknown>;
      readonly readItem: (item: unknown) => T;
    },
    signal: AbortSignal,
  ): Promise<ArmAnswer<readonly T[]>> {
    return readPages(await send(request.clientRequestId, request.first, signal), {
      ...request,
      get: (nextLink) => get(nextLink, request.clientRequestId, signal),
    });
  }

  return {
    getDisk: async ({ subscriptionId, resourceGroup, name, clientRequestId }, signal) =>
      readSent(
        await send(
          clientRequestId,
          (call) => clientOf(subscriptionId).disks.get(resourceGroup, name, call),
          signal,
        ),
        (wire) => valueFrom<ArmDisk>(wire, readDiskResource),
      ),
    listDisks: ({ subscriptionId, resourceGroup, clientRequestId, nextPage }, signal) =>
      list(
        {
          clientRequestId,
          nextPage,
          first: (call) =>
            clientOf(subscriptionId).disks.listByResourceGroup(resourceGroup, call).byPage().next(),
          readItem: readDiskResource,
        },
        signal,
      ),
    startDiskCreateOrUpdate: async (
      { subscriptionId, resourceGroup, name, disk, clientRequestId, userAgent },
      signal,
    ) => {
      const body: Disk = { location: disk.location, ...flattened(diskBody(disk)) };
      const answer = await send(
        clientRequestId,
        (call) =>
          clientOf(subscriptionId)
            .disks.createOrUpdate(resourceGroup, name, body, asUserAgent(userAgent, ownUserAgent, call))
            .submitted(),
        signal,
      );
      return readSent(answer, (wire) => startedFrom(wire, "disk"));
    },
    startDiskUpdate: async ({ subscriptionId, resourceGroup, name, change, clientRequestId }, signal) => {
      const body: DiskUpdate = flattened(diskChangeBody(change));
      const answer = await send(
        clientRequestId,
        (call) => clientOf(subscriptionId).disks.update(resourceGroup, name, body, call).submitted(),
        signal,
      );
      return readSent(answer, (wire) => startedFrom(wire, "disk"));
    },
    startDiskDelete: async ({ subscriptionId, resourceGroup, name, clientRequestId }, signal) => {
      const answer = await send(
        clientRequestId,
        (call) => clientOf(subscriptionId).disks.delete(resourceGroup, name, call).submitted(),
        signal,
      );
      return readSent(answer, (wire) => startedFrom(wire, "disk"));
    },
    getSnapshot: async ({ subscriptionId, resourceGroup, name, clientRequestId }, signal) =>
      readSent(
        await send(
          clientRequestId,
          (call) => clientOf(subscriptionId).snapshots.get(resourceGroup, name, call),
          signal,
        ),
        (wire) => valueFrom<ArmSnapshot>(wire, readSnapshotResource),
      ),
    listSnapshots: ({ subscriptionId, resourceGroup, clientRequestId, nextPage }, signal) =>
      list(
        {
          clientRequestId,
          nextPage,
          first: (call) =>
            clientOf(subscriptionId).snapshots.listByResourceGroup(resourceGroup, call).byPage().next(),
          readItem: readSnapshotResource,
        },
        signal,
      ),
    startSnapshotCreate: async (
      { subscriptionId, resourceGroup, name, snapshot, clientRequestId, userAgent },
      signal,
    ) => {
      const body: Snapshot = { location: snapshot.location, ...flattened(snapshotBody(snapshot)) };
      const answer = await send(
        clientRequestId,
        (call) =>
          clientOf(subscriptionId)
            .snapshots.createOrUpdate(resourceGroup, name, body, asUserAgent(userAgent, ownUserAgent, call))
            .submitted(),
        signal,
      );
      return readSent(answer, (wire) => startedFrom(wire, "disk"));
    },
    startSnapshotUpdate: async ({ subscriptionId, resourceGroup, name, tags, clientRequestId }, signal) => {
      const answer = await send(
        clientRequestId,
        (call) =>
          clientOf(subscriptionId)
            .snapshots.update(resourceGroup, name, { tags: { ...tags } }, call)
            .submitted(),
        signal,
      );
      return readSent(answer, (wire) => startedFrom(wire, "disk"));
    },
    startSnapshotDelete: async ({ subscriptionId, resourceGroup, name, clientRequestId }, signal) => {
      const answer = await send(
        clientRequestId,
        (call) => clientOf(subscriptionId).snapshots.delete(resourceGroup, name, call).submitted(),
        signal,
      );
      return readSent(answer, (wire) => startedFrom(wire, "disk"));
    },
    listVmSizes: async ({ location, clientRequestId, nextPage }, signal) =>
      vmSizesAmong(
        await list(
          {
            clientRequestId,
            nextPage,
            first: (call) =>
              clientOf(options.subscriptionId)
                .resourceSkus.list({ ...call, filter: `location eq '${location}'` })
                .byPage()
                .next(),
            readItem: readSku,
          },
          signal,
        ),
      ),
    listUsages: ({ location, clientRequestId, nextPage }, signal) =>
      list(
        {
          clientRequestId,
          nextPage,
          first: (call) => clientOf(options.subscriptionId).usage.list(location, call).byPage().next(),
          readItem: readUsage,
        },
        signal,
      ),
    getVm: async ({ instanceView, clientRequestId, ...vm }, signal) => {
      const answer = await send(
        clientRequestId,
        (call) => vmCalls(clientOf(vm.subscriptionId), vm).get(instanceView, call),
        signal,
      );
      return readSent(answer, (wire) => valueFrom<ArmVm>(wire, readVmResource));
    },
    startVmUpdate: async ({ change, ifMatch, clientRequestId, ...vm }, signal) => {
      const body = {
        ...(change.tags === undefined ? {} : { tags: { ...change.tags } }),
        ...(change.dataDisks === undefined
          ? {}
          : { storageProfile: { dataDisks: change.dataDisks.map(toSdkDataDisk) } }),
      };
      const answer = await send(
        clientRequestId,
        (call) => vmCalls(clientOf(vm.subscriptionId), vm).update(body, { ...call, ifMatch }),
        signal,
      );
      return readSent(answer, (wire) => startedFrom(wire, "vm"));
    },
    pollOperation: async ({ operation, clientRequestId }, signal) =>
      readSent(await get(operation.pollUrl ?? "", clientRequestId, signal), (wire) =>
        statusFrom(wire, operation),
      ),
  };
}

/** The SDK's operations on one VM, or on an instance of a uniform scale set. */
function vmCalls(
  client: ComputeManagementClient,
  { resourceGroup, name, scaleSet }: ArmVmName,
): {
  readonly get: (instanceView: boolean, call: CallOptions) => Promise<unknown>;
  readonly update: (
    change: Pick<VirtualMachineUpdate, "tags" | "storageProfile">,
    call: CallOptions & { readonly ifMatch: string },
  ) => Promise<unknown>;
} {
  const expand = (instanceView: boolean): { expand?: "instanceView" } =>
    instanceView ? { expand: "instanceView" } : {};
  if (scaleSet === undefined) {
    const vms = client.virtualMachines;
    return {
      get: (instanceView, call) => vms.get(resourceGroup, name, { ...call, ...expand(instanceView) }),
      update: (change, call) => vms.update(resourceGroup, name, change, call).submitted(),
    };
  }
  const instances = client.virtualMachineScaleSetVMs;
  const at = [resourceGroup, scaleSet.name, scaleSet.instanceId] as const;
  return {
    get: (instanceView, call) => instances.get(...at, { ...call, ...expand(instanceView) }),
    // The SDK's type wants a location, which Azure does not: what a body leaves out stays.
    update: (change, call) => instances.update(...at, change as VirtualMachineScaleSetVM, call).submitted(),
  };
}

/** The SDK leaves a User-Agent that a call brings: the driver's own has to follow in it. */
function asUserAgent(ofClass: string | undefined, own: string, call: CallOptions): CallOptions {
  if (ofClass === undefined) return call;
  const headers = { ...call.requestOptions.headers, "user-agent": `${ofClass} ${own}` };
  return { ...call, requestOptions: { headers } };
}

/** The SDK's clients, one a subscription: each sends its calls to that subscription and no other. */
function createClients(
  options: SdkArmApiOptions & { readonly userAgent: string },
  httpClient: HttpClient,
): (subscriptionId: string) => ComputeManagementClient {
  const clients = new Map<string, ComputeManagementClient>();
  const policy = createApiVersionPolicy(
    options.apiVersions ?? defaultApiVersions,
    options.onReplacedVersion ?? ((): void => undefined),
  );
  const { auxiliaryCredentials = [] } = options;
  const scopes = `${options.endpoint.replace(/\/$/, "")}/.default`;
  const auxiliary: NonNullable<ComputeManagementClientOptionalParams["additionalPolicies"]> =
    auxiliaryCredentials.length === 0
      ? []
      : [
          {
            policy: auxiliaryAuthenticationHeaderPolicy({ credentials: [...auxiliaryCredentials], scopes }),
            position: "perCall",
          },
        ];
  return (subscriptionId) => {
    const key = subscriptionId.toLowerCase();
    const client =
      clients.get(key) ??
      new ComputeManagementClient(options.credential, subscriptionId, {
        endpoint: options.endpoint,
        httpClient,
        retryOptions: { maxRetries: 0 },
        additionalPolicies: [{ policy, position: "perCall" }, ...auxiliary],
        userAgentOptions: { userAgentPrefix: options.userAgent },
        credentials: { scopes: [scopes] },
        ...(options.caPem === undefined ? {} : { tlsOptions: { ca: options.caPem } }),
        ...(options.agent === undefined ? {} : { agent: options.agent }),
      });
    clients.set(key, client);
    return client;
  };
}

/** The SDK wants what the wire has in `properties` one level up, and spells one member otherwise. */
function flattened({
  properties,
  ...rest
}: {
  readonly properties: Readonly<Record<string, unknown>>;
}): Readonly<Record<string, unknown>> {
  const { diskIOPSReadWrite, ...others } = properties;
  return {
    ...rest,
    ...others,
    ...(diskIOPSReadWrite === undefined ? {} : { diskIopsReadWrite: diskIOPSReadWrite }),
  };
}

/** An entry as it was read goes back as it is; only one member is spelt otherwise in the SDK. */
function toSdkDataDisk(entry: ArmDataDisk & { readonly diskIOPSReadWrite?: number }): DataDisk {
  const { diskIOPSReadWrite, ...rest } = entry;
  return {
    ...(rest as DataDisk),
    ...(diskIOPSReadWrite === undefined ? {} : { diskIopsReadWrite: diskIOPSReadWrite }),
  };
}
