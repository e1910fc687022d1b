import { parseInstanceUri } from "../../src/core/azure/ids/instance-uri.ts";
import type { ArmAnswer, ArmRequest } from "../../src/emulator/model/api/arm-message.ts";
import type { Agenda } from "../agenda.ts";
import type { RunMachine } from "./create-sim-machine.ts";
import type { SimAzure } from "./sim-azure.ts";
import { azurePlace } from "./vm-names.ts";

const API_VERSION = "2025-04-01";
/** A person who is refused tries again. */
const OUTSIDER_TRIES_MAX = 20;
const OUTSIDER_RETRY_MS = 5_000;
const START_AGAIN_MS = 20_000;

type Outsiders = Pick<
  SimAzure,
  | "deleteVm"
  | "deleteVmAt"
  | "switchOffAt"
  | "reimage"
  | "restartOutside"
  | "deallocateOutside"
  | "startOutside"
  | "attachOutside"
  | "detachOutside"
  | "detachOutsideAt"
  | "putListOutside"
  | "tagOutside"
  | "growOutside"
  | "replaceTagsOutside"
  | "copyDiskOutside"
  | "snapshotOutside"
  | "makeDiskOutside"
  | "deleteDiskOutside"
>;

/**
 * Requests of other clients to Azure, sent by `handle`. `instanceUriOf`: of the VM that has a node's name
 * at that moment.
 */
export function createOutsiders(options: {
  readonly handle: (request: ArmRequest) => ArmAnswer;
  readonly instanceUriOf: SimAzure["instanceUriOf"];
  readonly machineOf: (nodeName: string) => RunMachine | undefined;
  readonly vmOf: SimAzure["vmOf"];
  readonly agenda: Agenda;
}): Outsiders {
  const { handle, instanceUriOf, machineOf, vmOf, agenda } = options;

  type OutsideRequest = Pick<ArmRequest, "method" | "path" | "body"> & Partial<Pick<ArmRequest, "query">>;

  /** `request`: of each try, where it is not the same each time. */
  function sendOutside(
    request: OutsideRequest | (() => OutsideRequest),
    onAccepted: () => void = () => undefined,
    tries = 1,
  ): void {
    const sent = typeof request === "function" ? request() : request;
    const { status } = handle({
      ...sent,
      caller: "outsider",
      query: { ...sent.query, "api-version": API_VERSION },
    });
    if (status < 300) onAccepted();
    const isWorthRetrying = status === 409 || status === 429 || status >= 500;
    if (isWorthRetrying && tries < OUTSIDER_TRIES_MAX)
      agenda.after(OUTSIDER_RETRY_MS, () => sendOutside(request, onAccepted, tries + 1));
  }

  const deleteVmAt: Outsiders["deleteVmAt"] = (instanceUri) =>
    sendOutside({ method: "DELETE", path: instanceUri });

  function startOutside(nodeName: string, forMs: number): void {
    if (vmOf(nodeName)?.power === "stopped")
      sendOutside({ method: "POST", path: `${instanceUriOf(nodeName)}/start` });
    if (forMs > 0) agenda.after(START_AGAIN_MS, () => startOutside(nodeName, forMs - START_AGAIN_MS));
  }

  function detachAt(instanceUri: string, diskUri: string, isForced: boolean): void {
    const victim = { diskId: diskUri, ...(isForced ? { detachOption: "ForceDetach" } : {}) };
    sendOutside({
      method: "POST",
      path: `${instanceUri}/attachDetachDataDisks`,
      body: { dataDisksToDetach: [victim] },
    });
  }

  return {
    deleteVm: (nodeName) => deleteVmAt(instanceUriOf(nodeName)),
    deleteVmAt,
    switchOffAt: (instanceUri) =>
      sendOutside({ method: "POST", path: `${instanceUri}/powerOff`, query: { skipShutdown: "true" } }),
    reimage: (nodeName) => {
      const machine = machineOf(nodeName);
      sendOutside({ method: "POST", path: `${instanceUriOf(nodeName)}/reimage` }, () =>
        machine?.replaceOsDisk(),
      );
    },
    restartOutside: (nodeName, how) =>
      sendOutside({ method: "POST", path: `${instanceUriOf(nodeName)}/${how}` }),
    deallocateOutside: (nodeName, forMs) => {
      const path = instanceUriOf(nodeName);
      sendOutside({ method: "POST", path: `${path}/deallocate` }, () =>
        agenda.after(forMs, () => sendOutside({ method: "POST", path: `${path}/start` })),
      );
    },
    startOutside,
    attachOutside: (nodeName, diskUri) =>
      sendOutside(() => {
        // A machine that stands still would write there what it has cached of the disk that has left.
        const lun = machineOf(nodeName)?.lunBesideUnnoticed();
        return {
          method: "POST",
          path: `${instanceUriOf(nodeName)}/attachDetachDataDisks`,
          body: { dataDisksToAttach: [{ diskId: diskUri, ...(lun === undefined ? {} : { lun }) }] },
        };
      }),
    detachOutside: (nodeName, diskUri, how) =>
      detachAt(instanceUriOf(nodeName), diskUri, how?.isForced === true),
    detachOutsideAt: (instanceUri, diskUri) => detachAt(instanceUri, diskUri, false),
    putListOutside: (nodeName, dataDisks, onAccepted) =>
      sendOutside(() => {
        // A machine that stands still would write what it has cached of a disk that has left.
        const machine = machineOf(nodeName);
        const entries = dataDisks
          .filter(({ lun }) => machine?.hasLeftUnnoticed(lun) !== true)
          .map(({ lun, name, caching, diskId }) => ({
            lun,
            name,
            caching,
            createOption: "Attach",
            managedDisk: { id: diskId },
          }));
        return {
          method: "PUT",
          path: instanceUriOf(nodeName),
          body: { location: azurePlace.location, properties: { storageProfile: { dataDisks: entries } } },
        };
      }, onAccepted),
    tagOutside: (nodeName) =>
      sendOutside({
        // An instance of a uniform scale set has no PATCH.
        method: parseInstanceUri(instanceUriOf(nodeName))?.scaleSetName === undefined ? "PATCH" : "PUT",
        path: instanceUriOf(nodeName),
        body: { tags: { "updated-by": "another client" } },
      }),
    growOutside: (diskUri, sizeGiB) =>
      sendOutside({ method: "PATCH", path: diskUri, body: { properties: { diskSizeGB: sizeGiB } } }),
    replaceTagsOutside: (diskUri, tags) => sendOutside({ method: "PATCH", path: diskUri, body: { tags } }),
    copyDiskOutside: ({ id, location, zones, spec }, copyUri, changes = {}) => {
      const properties = { creationData: { createOption: "Copy", sourceResourceId: id } };
      sendOutside({
        method: "PUT",
        path: copyUri,
        body: {
          location,
          zones: changes.zones ?? zones,
          sku: { name: changes.skuName ?? spec.sku.name },
          tags: spec.tags,
          properties,
        },
      });
    },
    snapshotOutside: (diskUri, snapshotUri) => {
      const creationData = { createOption: "Copy", sourceResourceId: diskUri };
      sendOutside({
        method: "PUT",
        path: snapshotUri,
        body: { location: azurePlace.location, properties: { creationData, incremental: true } },
      });
    },
    makeDiskOutside: ({ id, location, zones, spec }) =>
      sendOutside({
        method: "PUT",
        path: id,
        body: {
          location,
          zones,
          sku: { name: spec.sku.name },
          properties: { creationData: { createOption: "Empty" }, diskSizeGB: spec.sizeGiB },
        },
      }),
    deleteDiskOutside: (diskUri) => sendOutside({ method: "DELETE", path: diskUri }),
  };
}
