import { promisify } from "node:util";
import { credentials } from "@grpc/grpc-js";
import {
  type GetPluginCapabilitiesRequest,
  type GetPluginInfoRequest,
  IdentityClient,
  NodeClient,
  type NodeGetCapabilitiesRequest,
  type NodeGetInfoRequest,
  type ProbeRequest,
} from "../src/csi/gen/csi/v1/csi.ts";

const CONCURRENT_CALLS = 16;

/** Sends read-only calls to a CSI socket, a few at a time, as the kubelet and its health checks do. */
async function callNode(socketPath: string, calls: number): Promise<void> {
  const identity = new IdentityClient(`unix:${socketPath}`, credentials.createInsecure());
  const node = new NodeClient(`unix:${socketPath}`, credentials.createInsecure());
  const kinds: readonly (() => Promise<unknown>)[] = [
    async () => promisify<ProbeRequest, unknown>(identity.probe.bind(identity))({}),
    async () => promisify<GetPluginInfoRequest, unknown>(identity.getPluginInfo.bind(identity))({}),
    async () =>
      promisify<GetPluginCapabilitiesRequest, unknown>(identity.getPluginCapabilities.bind(identity))({}),
    async () => promisify<NodeGetCapabilitiesRequest, unknown>(node.nodeGetCapabilities.bind(node))({}),
    async () => promisify<NodeGetInfoRequest, unknown>(node.nodeGetInfo.bind(node))({}),
  ];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let index = next++; index < calls; index = next++) await kinds[index % kinds.length]?.();
  };
  await Promise.all(Array.from({ length: CONCURRENT_CALLS }, worker));
  identity.close();
  node.close();
}

const [socketPath = "", calls = ""] = process.argv.slice(2);
await callNode(socketPath, Number(calls));
