import com.azure.core.management.AzureEnvironment;
import com.azure.core.management.Region;
import com.azure.core.management.exception.ManagementException;
import com.azure.core.management.profile.AzureProfile;
import com.azure.core.util.Context;
import com.azure.identity.ClientSecretCredentialBuilder;
import com.azure.json.JsonProviders;
import com.azure.json.JsonWriter;
import com.azure.resourcemanager.compute.ComputeManager;
import com.azure.resourcemanager.compute.fluent.ComputeManagementClient;
import com.azure.resourcemanager.compute.fluent.VirtualMachineScaleSetVMsClient;
import com.azure.resourcemanager.compute.fluent.VirtualMachinesClient;
import com.azure.resourcemanager.compute.fluent.models.*;
import com.azure.resourcemanager.compute.models.*;
import com.azure.resourcemanager.resources.fluentcore.utils.ResourceManagerUtils.InternalRuntimeContext;
import java.io.ByteArrayInputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;

/**
 * The unmodified Azure SDK for Java against an emulator: prints what each call gave, as one JSON object. Its
 * fluent API where that reaches, otherwise its client of each operation.
 */
public final class JavaSdk {
    private static final String URL = System.getenv("EMULATOR_URL");
    private static final String SUBSCRIPTION = System.getenv("SUBSCRIPTION_ID");
    private static final String GROUP = "rg";
    private static final Region REGION = Region.US_EAST;

    private final ComputeManager compute;
    private final ComputeManagementClient client;
    private final VirtualMachinesClient vms;
    private final VirtualMachineScaleSetVMsClient instances;

    public static void main(String[] args) throws Exception {
        trustEmulator();
        // The SDK has no other setting for the time between two polls.
        InternalRuntimeContext.setDelayProvider(usual -> Duration.ofMillis(20));
        Map<String, Object> results = new JavaSdk().results();
        try (JsonWriter writer = JsonProviders.createWriter(System.out)) {
            writer.writeMap(results, JsonWriter::writeUntyped);
        }
        System.out.flush();
        // Threads of its HTTP client would keep the process for a while.
        System.exit(0);
    }

    /** Java reads trusted certificates from a key store alone. */
    private static void trustEmulator() throws Exception {
        byte[] pem = Files.readAllBytes(Path.of(System.getenv("SSL_CERT_FILE")));
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        CertificateFactory reader = CertificateFactory.getInstance("X.509");
        store.setCertificateEntry("emulator", reader.generateCertificate(new ByteArrayInputStream(pem)));
        Path file = Path.of("trusted.p12");
        try (OutputStream output = Files.newOutputStream(file)) {
            store.store(output, "any".toCharArray());
        }
        System.setProperty("javax.net.ssl.trustStore", file.toString());
        System.setProperty("javax.net.ssl.trustStorePassword", "any");
    }

    private JavaSdk() {
        Map<String, String> endpoints = new HashMap<>(AzureEnvironment.AZURE.getEndpoints());
        endpoints.put("resourceManagerEndpointUrl", URL + "/");
        endpoints.put("activeDirectoryEndpointUrl", URL + "/");
        AzureProfile profile = new AzureProfile("tenant", SUBSCRIPTION, new AzureEnvironment(endpoints));
        compute = ComputeManager.authenticate(
            new ClientSecretCredentialBuilder().tenantId("tenant").clientId("java").clientSecret("secret")
                .authorityHost(URL).disableInstanceDiscovery().build(),
            profile);
        client = compute.serviceClient();
        vms = client.getVirtualMachines();
        instances = client.getVirtualMachineScaleSetVMs();
    }

    private Map<String, Object> results() {
        Map<String, Callable<Object>> checks = new LinkedHashMap<>();
        checks.put("creates_and_grows", this::createsAndGrows);
        checks.put("pages", this::pages);
        checks.put("attaches", this::attaches);
        checks.put("refuses_wrong_etag", this::refusesWrongEtag);
        checks.put("refuses_second_vm", this::refusesSecondVm);
        checks.put("detaches", this::detaches);
        checks.put("makes_with_vm", this::makesWithVm);
        checks.put("snapshots_and_restores", this::snapshotsAndRestores);
        checks.put("scale_set_instances", this::scaleSetInstances);
        checks.put("instance_errors", this::instanceErrors);
        checks.put("attaches_by_action", this::attachesByAction);
        checks.put("vm_and_instance_failing_operation", this::vmAndInstanceFailingOperation);
        checks.put("vm_and_instance_throttled", this::vmAndInstanceThrottled);
        checks.put("rolling_upgrades", this::rollingUpgrades);
        checks.put("power", this::power);
        checks.put("skus", this::skus);
        checks.put("failing_operation", this::failingOperation);
        checks.put("throttled", this::throttled);
        checks.put("deletes", this::deletes);
        Map<String, Object> results = new LinkedHashMap<>();
        checks.forEach((name, check) -> {
            try {
                results.put(name, check.call());
            } catch (Exception error) { // One that fails must not hide the others.
                results.put(name, error.toString());
            }
        });
        return results;
    }

    private Object createsAndGrows() {
        DiskInner made = create("java-1", 16);
        Disk grown = compute.disks().getByResourceGroup(GROUP, "java-1").update().withSizeInGB(32).apply();
        DiskInner read = client.getDisks().getByResourceGroup(GROUP, "java-1");
        DiskInner putBack = client.getDisks().createOrUpdate(GROUP, "java-1", read.withDiskSizeGB(64));
        return list(made.provisioningState(), grown.sizeInGB(), putBack.diskSizeGB(), putBack.tier());
    }

    private Object pages() {
        for (int number = 0; number < 7; number += 1) create("page-" + number, 4);
        List<String> names = compute.disks().listByResourceGroup(GROUP).stream()
            .map(Disk::name).filter(name -> name.startsWith("page-")).sorted().toList();
        names.forEach(this::delete);
        return names;
    }

    private Object attaches() {
        VirtualMachine vm = compute.virtualMachines().getByResourceGroup(GROUP, "vm-a");
        vm.update().withExistingDataDisk(disk("java-1"), 3, CachingTypes.NONE).apply();
        return list(
            List.copyOf(vm.dataDisks().keySet()), ownerOf("java-1"), vm.powerState() == PowerState.RUNNING);
    }

    private Object refusesWrongEtag() {
        VirtualMachineUpdateInner nothing = new VirtualMachineUpdateInner();
        return refusal(() -> vms.update(GROUP, "vm-a", nothing, "\"wrong\"", null, Context.NONE));
    }

    private Object refusesSecondVm() {
        return refusal(() -> updateVm("vm-b", attachOf("java-1", 0)));
    }

    private Object detaches() {
        VirtualMachine vm = compute.virtualMachines().getByResourceGroup(GROUP, "vm-a");
        vm.update().withoutDataDisk(3).apply();
        return list(ownerOf("java-1"), vm.refresh().dataDisks().size());
    }

    private Object makesWithVm() {
        updateVm("vm-b", new DataDisk().withLun(1).withName("with-vm").withDiskSizeGB(32)
            .withCreateOption(DiskCreateOptionTypes.EMPTY));
        VirtualMachineInner vm = vms.getByResourceGroup(GROUP, "vm-b");
        DataDisk made = vm.storageProfile().dataDisks().get(0);
        String owner = ownerOf("with-vm");
        VirtualMachineInner putBack = vms.createOrUpdate(GROUP, "vm-b", vm);
        updateVm("vm-b");
        String released = ownerOf("with-vm");
        delete("with-vm");
        return list(
            made.createOption().toString(), made.diskSizeGB(), owner, putBack.provisioningState(), released);
    }

    private Object snapshotsAndRestores() {
        Snapshot made = compute.snapshots().define("snap-1")
            .withRegion(REGION).withExistingResourceGroup(GROUP)
            .withDataFromDisk(disk("java-1")).withIncremental(true).create();
        Disk restored = compute.disks().define("restored")
            .withRegion(REGION).withExistingResourceGroup(GROUP)
            .withData().fromSnapshot(made).withSizeInGB(128).withSku(DiskSkuTypes.PREMIUM_LRS).create();
        delete("restored");
        compute.snapshots().deleteById(made.id());
        return list(made.incremental(), restored.sizeInGB(), restored.source().sourceId().equals(made.id()));
    }

    private Object scaleSetInstances() {
        VirtualMachineScaleSet pool = compute.virtualMachineScaleSets().getByResourceGroup(GROUP, "pool");
        VirtualMachineScaleSetVM instance = pool.virtualMachines().list().iterator().next();
        instance.update().withExistingDataDisk(disk("java-1"), 0, CachingTypes.NONE).apply();
        String attached = ownerOf("java-1");
        instance.update().withoutDataDisk(0).apply();
        return list(instance.name(), attached, ownerOf("java-1"));
    }

    /** What an instance refuses: another ETag, a disk of a VM or without existence; and what is gone. */
    private Object instanceErrors() {
        List<Object> refused = new ArrayList<>();
        refused.add(refusal(() -> instances.update(
            GROUP, "pool", "0", new VirtualMachineScaleSetVMInner(), "\"wrong\"", null, Context.NONE)));
        updateVm("vm-a", attachOf("java-1", 0));
        refused.add(refusal(() -> updateInstance("0", attachOf("java-1", 0))));
        updateVm("vm-a");
        updateInstance("0", attachOf("java-1", 0));
        refused.add(refusal(() -> updateVm("vm-a", attachOf("java-1", 0))));
        updateInstance("0");
        refused.add(refusal(() -> updateInstance("0", attachOf("java-1-none", 0))));
        refused.add(refusal(() -> updateInstance("99")));
        refused.add(refusal(() -> instances.get(GROUP, "pool", "99")));
        refused.add(refusal(() -> instances.get(GROUP, "none", "0")));
        return refused;
    }

    /** A VM or an instance: how it is written to, read, and called. */
    private interface Writer {
        void update(DataDisk... disks);
        String repair();
        String state();
        List<DataDisk> disks();
        void act(AttachDetachDataDisksRequest body);
    }

    private Writer vmWriter(String name) {
        return new Writer() {
            public void update(DataDisk... disks) { updateVm(name, disks); }
            public String repair() {
                return vms.update(GROUP, name, new VirtualMachineUpdateInner()).provisioningState();
            }
            public String state() { return vms.getByResourceGroup(GROUP, name).provisioningState(); }
            public List<DataDisk> disks() {
                return vms.getByResourceGroup(GROUP, name).storageProfile().dataDisks();
            }
            public void act(AttachDetachDataDisksRequest body) {
                vms.attachDetachDataDisks(GROUP, name, body);
                awaitEnd(this);
            }
        };
    }

    private Writer instanceWriter(String id) {
        return new Writer() {
            public void update(DataDisk... disks) { updateInstance(id, disks); }
            public String repair() {
                VirtualMachineScaleSetVMInner nothing = new VirtualMachineScaleSetVMInner();
                return instances.update(GROUP, "pool", id, nothing).provisioningState();
            }
            public String state() { return instances.get(GROUP, "pool", id).provisioningState(); }
            public List<DataDisk> disks() {
                return instances.get(GROUP, "pool", id).storageProfile().dataDisks();
            }
            public void act(AttachDetachDataDisksRequest body) {
                instances.attachDetachDataDisks(GROUP, "pool", id, body);
                awaitEnd(this);
            }
        };
    }

    /** The SDK takes a POST that is answered with 200, as `attachDetachDataDisks` is, for ended. */
    private static void awaitEnd(Writer vm) {
        while (vm.state().equals("Updating")) Thread.onSpinWait();
    }

    private Object attachesByAction() {
        List<Object> results = new ArrayList<>();
        for (Writer each : List.of(vmWriter("vm-a"), instanceWriter("0"))) {
            each.act(attachAction("java-1", 5));
            List<Integer> luns = lunsOf(each.disks());
            String owner = ownerOf("java-1");
            each.act(detachAction("java-1"));
            results.add(list(luns, owner, each.disks().size()));
        }
        return results;
    }

    /**
     * The tests have made the first attach of this disk to each fail: it stays listed, and an empty update
     * repairs it.
     */
    private Object vmAndInstanceFailingOperation() {
        create("failing-attach", 4);
        List<Object> results = new ArrayList<>();
        for (Writer each : List.of(vmWriter("vm-a"), instanceWriter("0"))) {
            Object failed = refusal(() -> each.update(attachOf("failing-attach", 2)));
            String state = each.state();
            List<Integer> luns = lunsOf(each.disks());
            String owner = ownerOf("failing-attach");
            String repaired = each.repair();
            String attached = ownerOf("failing-attach");
            each.update();
            results.add(list(failed, state, luns, owner, repaired, attached));
        }
        delete("failing-attach");
        return results;
    }

    /** The tests have made the first attach to vm-b and to pool_1 answer 429: the SDK repeats it. */
    private Object vmAndInstanceThrottled() {
        create("throttled-attach", 4);
        List<Object> owners = new ArrayList<>();
        for (Writer each : List.of(vmWriter("vm-b"), instanceWriter("1"))) {
            each.act(attachAction("throttled-attach", null));
            owners.add(ownerOf("throttled-attach"));
            each.act(detachAction("throttled-attach"));
        }
        delete("throttled-attach");
        return owners;
    }

    private Object rollingUpgrades() {
        ApiEntityReference probe = new ApiEntityReference().withId("/any/probe");
        var sets = client.getVirtualMachineScaleSets();
        var upgrades = client.getVirtualMachineScaleSetRollingUpgrades();
        VirtualMachineScaleSetInner made = sets.createOrUpdate(GROUP, "rolling",
            new VirtualMachineScaleSetInner().withLocation("eastus")
                .withSku(new Sku().withName("Standard_D8s_v5").withCapacity(2L))
                .withUpgradePolicy(new UpgradePolicy().withMode(UpgradeMode.ROLLING))
                .withVirtualMachineProfile(new VirtualMachineScaleSetVMProfile().withNetworkProfile(
                    new VirtualMachineScaleSetNetworkProfile().withHealthProbe(probe))));
        sets.update(GROUP, "rolling", new VirtualMachineScaleSetUpdate().withVirtualMachineProfile(
            new VirtualMachineScaleSetUpdateVMProfile().withLicenseType("None").withNetworkProfile(
                new VirtualMachineScaleSetUpdateNetworkProfile().withHealthProbe(probe))));
        RollingUpgradeStatusInfoInner first = upgrades.getLatest(GROUP, "rolling");
        List<Boolean> applied = instances.list(GROUP, "rolling").stream()
            .map(VirtualMachineScaleSetVMInner::latestModelApplied).toList();
        upgrades.startOSUpgrade(GROUP, "rolling");
        RollingUpgradeStatusInfoInner second = upgrades.getLatest(GROUP, "rolling");
        return list(
            made.upgradePolicy().mode().toString(),
            made.upgradePolicy().rollingUpgradePolicy().maxBatchInstancePercent(),
            first.runningStatus().code().toString(), first.progress().successfulInstanceCount(), applied,
            second.runningStatus().code().toString(), second.progress().successfulInstanceCount(),
            refusal(() -> upgrades.cancel(GROUP, "rolling")));
    }

    private Object power() {
        VirtualMachine vm = compute.virtualMachines().getByResourceGroup(GROUP, "vm-b");
        vm.deallocate();
        vm.refreshInstanceView();
        boolean isStopped = vm.powerState() == PowerState.DEALLOCATED;
        vm.start();
        return list(isStopped);
    }

    private Object skus() {
        return list(compute.computeSkus().listByResourceType(ComputeResourceType.VIRTUALMACHINES).stream()
            .anyMatch(sku -> sku.name().toString().equals("Standard_D8s_v5")));
    }

    /** The tests have made this creation fail after it was accepted. */
    private Object failingOperation() {
        return refusal(() -> create("failing", 4));
    }

    /** The tests have made the first two GETs of this disk answer 429: the SDK waits and repeats them. */
    private Object throttled() {
        create("throttled", 4);
        String name = disk("throttled").name();
        delete("throttled");
        return name;
    }

    private Object deletes() {
        delete("java-1");
        return refusal(() -> disk("java-1"));
    }

    private DiskInner create(String name, int sizeGib) {
        return compute.disks().define(name).withRegion(REGION).withExistingResourceGroup(GROUP)
            .withData().withSizeInGB(sizeGib).withSku(DiskSkuTypes.PREMIUM_LRS).create().innerModel();
    }

    private Disk disk(String name) {
        return compute.disks().getByResourceGroup(GROUP, name);
    }

    private void delete(String disk) {
        compute.disks().deleteByResourceGroup(GROUP, disk);
    }

    private String ownerOf(String disk) {
        String id = disk(disk).virtualMachineId();
        return id == null ? null : id.substring(id.lastIndexOf('/') + 1);
    }

    private void updateVm(String name, DataDisk... disks) {
        vms.update(GROUP, name, new VirtualMachineUpdateInner().withStorageProfile(listed(disks)));
    }

    private void updateInstance(String id, DataDisk... disks) {
        VirtualMachineScaleSetVMInner body = new VirtualMachineScaleSetVMInner();
        instances.update(GROUP, "pool", id, body.withStorageProfile(listed(disks)));
    }

    private static StorageProfile listed(DataDisk... disks) {
        return new StorageProfile().withDataDisks(Arrays.asList(disks));
    }

    private static DataDisk attachOf(String disk, int lun) {
        return new DataDisk().withLun(lun).withCreateOption(DiskCreateOptionTypes.ATTACH)
            .withManagedDisk(new ManagedDiskParameters().withId(idOf(disk)));
    }

    private static AttachDetachDataDisksRequest attachAction(String disk, Integer lun) {
        return new AttachDetachDataDisksRequest()
            .withDataDisksToAttach(List.of(new DataDisksToAttach().withDiskId(idOf(disk)).withLun(lun)));
    }

    private static AttachDetachDataDisksRequest detachAction(String disk) {
        return new AttachDetachDataDisksRequest()
            .withDataDisksToDetach(List.of(new DataDisksToDetach().withDiskId(idOf(disk))));
    }

    private static String idOf(String disk) {
        String group = "/subscriptions/" + SUBSCRIPTION + "/resourceGroups/" + GROUP;
        return group + "/providers/Microsoft.Compute/disks/" + disk;
    }

    private static List<Integer> lunsOf(List<DataDisk> disks) {
        return disks.stream().map(DataDisk::lun).toList();
    }

    /** Unlike `List.of` with nothing in some places. */
    private static List<Object> list(Object... values) {
        return Arrays.asList(values);
    }

    private static Object refusal(Runnable call) {
        try {
            call.run();
        } catch (ManagementException error) {
            return list(error.getResponse().getStatusCode(), error.getValue().getCode());
        }
        return "not refused";
    }
}
