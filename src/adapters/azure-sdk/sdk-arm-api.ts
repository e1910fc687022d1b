import { createDefaultHttpClient } from "@azure/core-rest-pipeline";
import type { ArmApi } from "../../provisioner/arm/arm-api.ts";
import { readUsage } from "../arm-wire/read-resources.ts";
import { readSent, statusFrom } from "../arm-wire/wire-answer.ts";
import { createDiskCalls } from "./calls/disk-calls.ts";
import { createSdkClients, type SdkClientOptions } from "./calls/sdk-clients.ts";
import { createSdkSender } from "./calls/sdk-sender.ts";
import { createSnapshotCalls } from "./calls/snapshot-calls.ts";
import { createVmCalls } from "./calls/vm-calls.ts";

/** How to reach Azure. */
export interface SdkArmApiOptions extends Omit<SdkClientOptions, "userAgent"> {
  /** Whose sizes of VMs are listed, and whose client polls; all other calls name their subscription. */
  readonly subscriptionId: string;
  /** How Azure's logs show the driver, such as `driver/1.0 suffix`. Default: `driverUserAgent`. */
  readonly userAgent?: string | undefined;
  /** Longest wait for one answer, in milliseconds. Default 60 s, what Azure's own drivers wait. */
  readonly requestTimeoutMs?: number;
}

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
  const { subscriptionId, userAgent = driverUserAgent } = options;
  const clientOf = createSdkClients({ ...options, userAgent }, httpClient);
  const client = clientOf(subscriptionId);
  const sender = createSdkSender({ ...options, userAgent, client, httpClient });
  return {
    ...createDiskCalls(sender, clientOf),
    ...createSnapshotCalls(sender, clientOf),
    ...createVmCalls(sender, clientOf, subscriptionId),
    listUsages: ({ location, ...request }, signal) =>
      sender.list(request, readUsage, (call) => client.usage.list(location, call).byPage().next(), signal),
    pollOperation: async ({ operation, clientRequestId }, signal) =>
      readSent(await sender.getUrl(operation.pollUrl ?? "", clientRequestId, signal), (wire) =>
        statusFrom(wire, operation),
      ),
  };
}
