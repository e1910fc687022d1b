import assert from "node:assert/strict";
import { Client, credentials } from "@grpc/grpc-js";
import { connectCsi } from "../../demo/lab/csi-clients.ts";
import type { ApiClient } from "../../src/adapters/kubernetes/api/api-client.ts";
import type { NodeGetInfoResponse } from "../../src/csi/gen/csi/v1/csi.ts";
import { type PluginInfo, RegistrationService } from "../../src/csi/gen/pluginregistration/v1/api.ts";
import { callUnary } from "../../src/csi/testing/call-unary.ts";

const never = new AbortController().signal;

/** What kubelet knows of a plug-in. */
export interface Registered {
  readonly info: PluginInfo;
  readonly node: NodeGetInfoResponse;
}

/**
 * Asks a plug-in for its node info, as kubelet does at registration, and every
 * `nodeAllocatableUpdatePeriodSeconds` after that.
 */
export async function nodeGetInfo(csiSocket: string): Promise<NodeGetInfoResponse> {
  const csi = connectCsi(csiSocket, never);
  try {
    return await csi.node.nodeGetInfo({});
  } finally {
    csi.close();
  }
}

/**
 * Does what kubelet does when it finds a socket in its registry: queries the plug-in, writes its CSINode,
 * and notifies it. `nodeId`: the id that another plug-in of the name has written.
 */
export async function registerAsKubelet(
  client: ApiClient,
  nodeName: string,
  registrationSocket: string,
  nodeId?: string,
): Promise<Registered> {
  const registration = new Client(`unix:${registrationSocket}`, credentials.createInsecure());
  try {
    const info = await callUnary(registration, RegistrationService.getInfo, {});
    const node = await nodeGetInfo(info.endpoint);
    await writeCsiNode(client, nodeName, info, { ...node, nodeId: nodeId ?? node.nodeId });
    const status = { pluginRegistered: true, error: "" };
    await callUnary(registration, RegistrationService.notifyRegistrationStatus, status);
    return { info, node };
  } finally {
    registration.close();
  }
}

/** Writes kubelet's entry for a registered plug-in. */
export async function writeCsiNode(
  client: ApiClient,
  nodeName: string,
  info: Pick<PluginInfo, "name">,
  node: NodeGetInfoResponse,
): Promise<void> {
  const path = "/apis/storage.k8s.io/v1/csinodes";
  const deleted = await client.call({ method: "DELETE", path: `${path}/${nodeName}` }, never);
  assert.ok(deleted.ok);
  const topologyKeys = Object.keys(node.accessibleTopology?.segments ?? {});
  const driver = {
    name: info.name,
    nodeID: node.nodeId,
    topologyKeys,
    allocatable: { count: Number(node.maxVolumesPerNode) },
  };
  const body = { metadata: { name: nodeName }, spec: { drivers: [driver] } };
  const made = await client.call({ method: "POST", path, body }, never);
  assert.ok(made.ok && made.value.code === 201, JSON.stringify(made));
}
