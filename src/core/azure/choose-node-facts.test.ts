import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ChosenFacts, chooseNodeFacts } from "./choose-node-facts.ts";

type Sources = Parameters<typeof chooseNodeFacts>[0];

const metadata = { vmSize: "Standard_D4s_v5", location: "eastus", zone: "1" };
const labels = {
  "topology.kubernetes.io/zone": "westus-2",
  "topology.kubernetes.io/region": "westus",
  "node.kubernetes.io/instance-type": "Standard_D2s_v3",
};

describe("chooseNodeFacts", () => {
  const rows: readonly {
    readonly sources: Sources;
    readonly chosen: ChosenFacts;
    readonly because: string;
  }[] = [
    {
      sources: { given: {}, metadata, labels },
      chosen: { vmSize: "Standard_D4s_v5", location: "eastus", zone: "1", zoneLabel: "westus-2" },
      because: "Azure is more reliable than labels",
    },
    {
      sources: { given: { vmSize: "Standard_M64s", location: "EastUS2", zone: "3" }, metadata, labels },
      chosen: { vmSize: "Standard_M64s", location: "eastus2", zone: "3", zoneLabel: "westus-2" },
      because: "the operator knows best",
    },
    {
      sources: { given: { zone: "" }, metadata, labels: {} },
      chosen: { vmSize: "Standard_D4s_v5", location: "eastus", zone: "", zoneLabel: undefined },
      because: "a zone can be set to none",
    },
    {
      sources: { given: {}, metadata: { ...metadata, vmSize: "", location: "", zone: "" }, labels },
      chosen: { vmSize: "Standard_D2s_v3", location: "westus", zone: "2", zoneLabel: "westus-2" },
      because: "labels fill in what Azure does not say",
    },
    {
      sources: { given: {}, metadata: undefined, labels: { "topology.kubernetes.io/zone": "eastus-1" } },
      chosen: { vmSize: "", location: "eastus", zone: "1", zoneLabel: "eastus-1" },
      because: "the zone label names the region, too",
    },
    {
      sources: {
        given: {},
        metadata: { ...metadata, zone: "" },
        labels: { "topology.kubernetes.io/zone": "0" },
      },
      chosen: { vmSize: "Standard_D4s_v5", location: "eastus", zone: "", zoneLabel: "0" },
      because: "Azure's cloud provider puts a fault domain there where the VM is not zonal",
    },
    {
      sources: { given: {}, metadata: undefined, labels: {} },
      chosen: { vmSize: "", location: "", zone: "", zoneLabel: undefined },
      because: "nothing is known",
    },
  ];
  for (const { sources, chosen, because } of rows)
    it(because, () => assert.deepEqual(chooseNodeFacts(sources), chosen));
});
