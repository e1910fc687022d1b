// The unmodified Azure SDK for Go against an emulator: prints what each call gave, as one JSON object.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	compute "github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/compute/armcompute/v7"
)

const group = "rg"

var (
	background = context.Background()
	disks      *compute.DisksClient
	snapshots  *compute.SnapshotsClient
	vms        *compute.VirtualMachinesClient
	instances  *compute.VirtualMachineScaleSetVMsClient
	sets       *compute.VirtualMachineScaleSetsClient
	upgrades   *compute.VirtualMachineScaleSetRollingUpgradesClient
	skuList    *compute.ResourceSKUsClient
)

func main() {
	connect()
	checks := []struct {
		name string
		run  func() (any, error)
	}{
		{"creates_and_grows", createsAndGrows},
		{"pages", pages},
		{"attaches", attaches},
		{"refuses_wrong_etag", refusesWrongEtag},
		{"refuses_second_vm", refusesSecondVM},
		{"detaches", detaches},
		{"makes_with_vm", makesWithVM},
		{"snapshots_and_restores", snapshotsAndRestores},
		{"scale_set_instances", scaleSetInstances},
		{"instance_errors", instanceErrors},
		{"attaches_by_action", attachesByAction},
		{"vm_and_instance_failing_operation", vmAndInstanceFailingOperation},
		{"vm_and_instance_throttled", vmAndInstanceThrottled},
		{"rolling_upgrades", rollingUpgrades},
		{"power", power},
		{"skus", skus},
		{"failing_operation", failingOperation},
		{"throttled", throttled},
		{"deletes", deletes},
	}
	results := map[string]any{}
	for _, check := range checks {
		// One that fails must not hide the others.
		result, err := check.run()
		if err != nil {
			result = err.Error()
		}
		results[check.name] = result
	}
	must(json.NewEncoder(os.Stdout).Encode(results))
}

func connect() {
	url := os.Getenv("EMULATOR_URL")
	emulator := policy.ClientOptions{
		Cloud: cloud.Configuration{
			ActiveDirectoryAuthorityHost: url,
			Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
				cloud.ResourceManager: {Endpoint: url, Audience: "https://management.azure.com"},
			},
		},
		Retry: policy.RetryOptions{RetryDelay: time.Millisecond},
	}
	credential, err := azidentity.NewClientSecretCredential("tenant", "go", "secret",
		&azidentity.ClientSecretCredentialOptions{ClientOptions: emulator, DisableInstanceDiscovery: true})
	must(err)
	options := &arm.ClientOptions{ClientOptions: emulator, DisableRPRegistration: true}
	factory, err := compute.NewClientFactory(os.Getenv("SUBSCRIPTION_ID"), credential, options)
	must(err)
	disks, snapshots, vms = factory.NewDisksClient(), factory.NewSnapshotsClient(), factory.NewVirtualMachinesClient()
	instances, skuList = factory.NewVirtualMachineScaleSetVMsClient(), factory.NewResourceSKUsClient()
	sets, upgrades = factory.NewVirtualMachineScaleSetsClient(), factory.NewVirtualMachineScaleSetRollingUpgradesClient()
}

func createsAndGrows() (any, error) {
	made, err := createDisk("py-1", 16, nil)
	if err != nil {
		return nil, err
	}
	grow := compute.DiskUpdate{Properties: &compute.DiskUpdateProperties{DiskSizeGB: to.Ptr(int32(32))}}
	grown, err := end(disks.BeginUpdate(background, group, "py-1", grow, nil))
	if err != nil {
		return nil, err
	}
	read, err := disks.Get(background, group, "py-1", nil)
	if err != nil {
		return nil, err
	}
	read.Properties.DiskSizeGB = to.Ptr(int32(64))
	putBack, err := end(disks.BeginCreateOrUpdate(background, group, "py-1", read.Disk, nil))
	if err != nil {
		return nil, err
	}
	return []any{*made.Properties.ProvisioningState, *grown.Properties.DiskSizeGB,
		*putBack.Properties.DiskSizeGB, *putBack.Properties.Tier}, nil
}

func pages() (any, error) {
	for number := range 7 {
		if _, err := createDisk(fmt.Sprintf("page-%d", number), 4, nil); err != nil {
			return nil, err
		}
	}
	names := []string{}
	for pager := disks.NewListByResourceGroupPager(group, nil); pager.More(); {
		page, err := pager.NextPage(background)
		if err != nil {
			return nil, err
		}
		for _, disk := range page.Value {
			if strings.HasPrefix(*disk.Name, "page-") {
				names = append(names, *disk.Name)
			}
		}
	}
	for _, name := range names {
		if _, err := end(disks.BeginDelete(background, group, name, nil)); err != nil {
			return nil, err
		}
	}
	sort.Strings(names)
	return names, nil
}

func attaches() (any, error) {
	if err := updateVM("vm-a", nil, entry(3, "py-1")); err != nil {
		return nil, err
	}
	vm, err := vms.Get(background, group, "vm-a",
		&compute.VirtualMachinesClientGetOptions{Expand: to.Ptr(compute.InstanceViewTypesInstanceView)})
	if err != nil {
		return nil, err
	}
	luns, running := lunsOf(vm.Properties.StorageProfile), false
	for _, status := range vm.Properties.InstanceView.Statuses {
		running = running || *status.Code == "PowerState/running"
	}
	owner, err := ownerOf("py-1")
	return []any{luns, owner, running}, err
}

func refusesWrongEtag() (any, error) {
	return refusal(updateVM("vm-a", to.Ptr(`"wrong"`))), nil
}

func refusesSecondVM() (any, error) {
	return refusal(updateVM("vm-b", nil, entry(0, "py-1"))), nil
}

func detaches() (any, error) {
	if err := updateVM("vm-a", nil); err != nil {
		return nil, err
	}
	vm, err := vms.Get(background, group, "vm-a", nil)
	if err != nil {
		return nil, err
	}
	owner, err := ownerOf("py-1")
	return []any{owner, len(vm.Properties.StorageProfile.DataDisks)}, err
}

func makesWithVM() (any, error) {
	lun, size := int32(1), int32(32)
	made := compute.DataDisk{Lun: &lun, Name: to.Ptr("with-vm"), DiskSizeGB: &size,
		CreateOption: to.Ptr(compute.DiskCreateOptionTypesEmpty)}
	if err := updateVM("vm-b", nil, &made); err != nil {
		return nil, err
	}
	vm, err := vms.Get(background, group, "vm-b", nil)
	if err != nil {
		return nil, err
	}
	owner, err := ownerOf("with-vm")
	if err != nil {
		return nil, err
	}
	putBack, err := end(vms.BeginCreateOrUpdate(background, group, "vm-b", vm.VirtualMachine, nil))
	if err != nil {
		return nil, err
	}
	if err := updateVM("vm-b", nil); err != nil {
		return nil, err
	}
	released, err := ownerOf("with-vm")
	if err != nil {
		return nil, err
	}
	_, err = end(disks.BeginDelete(background, group, "with-vm", nil))
	entry := vm.Properties.StorageProfile.DataDisks[0]
	return []any{*entry.CreateOption, *entry.DiskSizeGB, owner, *putBack.Properties.ProvisioningState, released}, err
}

func snapshotsAndRestores() (any, error) {
	source := diskID("py-1")
	made, err := end(snapshots.BeginCreateOrUpdate(background, group, "snap-1", compute.Snapshot{
		Location: to.Ptr("eastus"),
		Properties: &compute.SnapshotProperties{
			CreationData: &compute.CreationData{CreateOption: to.Ptr(compute.DiskCreateOptionCopy), SourceResourceID: &source},
			Incremental:  to.Ptr(true),
		},
	}, nil))
	if err != nil {
		return nil, err
	}
	restored, err := createDisk("restored", 128, made.ID)
	if err != nil {
		return nil, err
	}
	if _, err := end(disks.BeginDelete(background, group, "restored", nil)); err != nil {
		return nil, err
	}
	if _, err := end(snapshots.BeginDelete(background, group, "snap-1", nil)); err != nil {
		return nil, err
	}
	return []any{*made.Properties.Incremental, *restored.Properties.DiskSizeGB,
		*restored.Properties.CreationData.SourceResourceID == *made.ID}, nil
}

func scaleSetInstances() (any, error) {
	page, err := instances.NewListPager(group, "pool", nil).NextPage(background)
	if err != nil {
		return nil, err
	}
	id := *page.Value[0].InstanceID
	set := func(entries ...*compute.DataDisk) error { return updateInstance(id, nil, entries...) }
	if err := set(entry(0, "py-1")); err != nil {
		return nil, err
	}
	attached, err := ownerOf("py-1")
	if err != nil {
		return nil, err
	}
	if err := set(); err != nil {
		return nil, err
	}
	detached, err := ownerOf("py-1")
	return []any{*page.Value[0].Name, attached, detached}, err
}

// What an instance refuses: another ETag, a disk of a VM or without existence; and what is gone.
func instanceErrors() (any, error) {
	refused := []any{refusal(updateInstance("0", to.Ptr(`"wrong"`)))}
	if err := updateVM("vm-a", nil, entry(0, "py-1")); err != nil {
		return nil, err
	}
	refused = append(refused, refusal(updateInstance("0", nil, entry(0, "py-1"))))
	if err := updateVM("vm-a", nil); err != nil {
		return nil, err
	}
	if err := updateInstance("0", nil, entry(0, "py-1")); err != nil {
		return nil, err
	}
	refused = append(refused, refusal(updateVM("vm-a", nil, entry(0, "py-1"))))
	if err := updateInstance("0", nil); err != nil {
		return nil, err
	}
	refused = append(refused,
		refusal(updateInstance("0", nil, entry(0, "py-1-none"))), refusal(updateInstance("99", nil)))
	for _, gone := range [][2]string{{"pool", "99"}, {"none", "0"}} {
		_, err := instances.Get(background, group, gone[0], gone[1], nil)
		refused = append(refused, refusal(err))
	}
	return refused, nil
}

// writer is a VM or an instance: how it is written to, read, and called.
type writer struct {
	update func(entries []*compute.DataDisk) error
	repair   func() (state string, err error)
	read   func() (state string, profile *compute.StorageProfile, err error)
	act    func(body compute.AttachDetachDataDisksRequest) error
}

func vmWriter(name string) writer {
	return writer{
		update: func(entries []*compute.DataDisk) error { return updateVM(name, nil, entries...) },
		repair: func() (string, error) {
			vm, err := end(vms.BeginUpdate(background, group, name, compute.VirtualMachineUpdate{}, nil))
			if err != nil {
				return "", err
			}
			return *vm.Properties.ProvisioningState, nil
		},
		read: func() (string, *compute.StorageProfile, error) {
			vm, err := vms.Get(background, group, name, nil)
			if err != nil {
				return "", nil, err
			}
			return *vm.Properties.ProvisioningState, vm.Properties.StorageProfile, nil
		},
		act: func(body compute.AttachDetachDataDisksRequest) error {
			_, err := end(vms.BeginAttachDetachDataDisks(background, group, name, body, nil))
			return err
		},
	}
}

func instanceWriter(id string) writer {
	return writer{
		update: func(entries []*compute.DataDisk) error { return updateInstance(id, nil, entries...) },
		repair: func() (string, error) {
			vm, err := end(instances.BeginUpdate(background, group, "pool", id, compute.VirtualMachineScaleSetVM{}, nil))
			if err != nil {
				return "", err
			}
			return *vm.Properties.ProvisioningState, nil
		},
		read: func() (string, *compute.StorageProfile, error) {
			vm, err := instances.Get(background, group, "pool", id, nil)
			if err != nil {
				return "", nil, err
			}
			return *vm.Properties.ProvisioningState, vm.Properties.StorageProfile, nil
		},
		act: func(body compute.AttachDetachDataDisksRequest) error {
			_, err := end(instances.BeginAttachDetachDataDisks(background, group, "pool", id, body, nil))
			return err
		},
	}
}

func attachesByAction() (any, error) {
	results := []any{}
	for _, each := range []writer{vmWriter("vm-a"), instanceWriter("0")} {
		if err := each.act(attach("py-1", to.Ptr(int32(5)))); err != nil {
			return nil, err
		}
		_, attached, err := each.read()
		if err != nil {
			return nil, err
		}
		owner, err := ownerOf("py-1")
		if err != nil {
			return nil, err
		}
		if err := each.act(detach("py-1")); err != nil {
			return nil, err
		}
		_, detached, err := each.read()
		if err != nil {
			return nil, err
		}
		results = append(results, []any{lunsOf(attached), owner, len(detached.DataDisks)})
	}
	return results, nil
}

// The tests have made the first attach of this disk to each fail: it stays listed, and an empty update repairs it.
func vmAndInstanceFailingOperation() (any, error) {
	if _, err := createDisk("failing-attach", 4, nil); err != nil {
		return nil, err
	}
	results := []any{}
	for _, each := range []writer{vmWriter("vm-a"), instanceWriter("0")} {
		failed := refusal(each.update([]*compute.DataDisk{entry(2, "failing-attach")}))
		state, profile, err := each.read()
		if err != nil {
			return nil, err
		}
		owner, err := ownerOf("failing-attach")
		if err != nil {
			return nil, err
		}
		repaired, err := each.repair()
		if err != nil {
			return nil, err
		}
		attached, err := ownerOf("failing-attach")
		if err != nil {
			return nil, err
		}
		if err := each.update(nil); err != nil {
			return nil, err
		}
		results = append(results, []any{failed, state, lunsOf(profile), owner, repaired, attached})
	}
	_, err := end(disks.BeginDelete(background, group, "failing-attach", nil))
	return results, err
}

// The tests have made the first attach to vm-b and to pool_1 answer 429: the SDK waits and repeats it.
func vmAndInstanceThrottled() (any, error) {
	if _, err := createDisk("throttled-attach", 4, nil); err != nil {
		return nil, err
	}
	owners := []any{}
	for _, each := range []writer{vmWriter("vm-b"), instanceWriter("1")} {
		if err := each.act(attach("throttled-attach", nil)); err != nil {
			return nil, err
		}
		owner, err := ownerOf("throttled-attach")
		if err != nil {
			return nil, err
		}
		owners = append(owners, owner)
		if err := each.act(detach("throttled-attach")); err != nil {
			return nil, err
		}
	}
	_, err := end(disks.BeginDelete(background, group, "throttled-attach", nil))
	return owners, err
}

func attach(disk string, lun *int32) compute.AttachDetachDataDisksRequest {
	return compute.AttachDetachDataDisksRequest{
		DataDisksToAttach: []*compute.DataDisksToAttach{{DiskID: to.Ptr(diskID(disk)), Lun: lun}},
	}
}

func detach(disk string) compute.AttachDetachDataDisksRequest {
	return compute.AttachDetachDataDisksRequest{
		DataDisksToDetach: []*compute.DataDisksToDetach{{DiskID: to.Ptr(diskID(disk))}},
	}
}

func lunsOf(profile *compute.StorageProfile) []int32 {
	luns := []int32{}
	for _, disk := range profile.DataDisks {
		luns = append(luns, *disk.Lun)
	}
	return luns
}

func rollingUpgrades() (any, error) {
	model := func(licenseType *string) *compute.VirtualMachineScaleSetVMProfile {
		probe := &compute.APIEntityReference{ID: to.Ptr("/any/probe")}
		return &compute.VirtualMachineScaleSetVMProfile{
			LicenseType:    licenseType,
			NetworkProfile: &compute.VirtualMachineScaleSetNetworkProfile{HealthProbe: probe},
		}
	}
	made, err := end(sets.BeginCreateOrUpdate(background, group, "rolling", compute.VirtualMachineScaleSet{
		Location: to.Ptr("eastus"),
		SKU:      &compute.SKU{Name: to.Ptr("Standard_D8s_v5"), Capacity: to.Ptr(int64(2))},
		Properties: &compute.VirtualMachineScaleSetProperties{
			UpgradePolicy:         &compute.UpgradePolicy{Mode: to.Ptr(compute.UpgradeModeRolling)},
			VirtualMachineProfile: model(nil),
		},
	}, nil))
	if err != nil {
		return nil, err
	}
	policy := made.Properties.UpgradePolicy
	change, err := wireUpdate(model(to.Ptr("None")))
	if err != nil {
		return nil, err
	}
	if _, err := end(sets.BeginUpdate(background, group, "rolling", change, nil)); err != nil {
		return nil, err
	}
	first, err := upgrades.GetLatest(background, group, "rolling", nil)
	if err != nil {
		return nil, err
	}
	page, err := instances.NewListPager(group, "rolling", nil).NextPage(background)
	if err != nil {
		return nil, err
	}
	applied := []bool{}
	for _, instance := range page.Value {
		applied = append(applied, *instance.Properties.LatestModelApplied)
	}
	if _, err := end(upgrades.BeginStartOSUpgrade(background, group, "rolling", nil)); err != nil {
		return nil, err
	}
	second, err := upgrades.GetLatest(background, group, "rolling", nil)
	if err != nil {
		return nil, err
	}
	_, err = end(upgrades.BeginCancel(background, group, "rolling", nil))
	return []any{*policy.Mode, *policy.RollingUpgradePolicy.MaxBatchInstancePercent,
		*first.Properties.RunningStatus.Code, *first.Properties.Progress.SuccessfulInstanceCount, applied,
		*second.Properties.RunningStatus.Code, *second.Properties.Progress.SuccessfulInstanceCount,
		refusal(err)}, nil
}

// The body of an update with this model: its type differs from that of a creation.
func wireUpdate(profile *compute.VirtualMachineScaleSetVMProfile) (compute.VirtualMachineScaleSetUpdate, error) {
	var update compute.VirtualMachineScaleSetUpdate
	text, err := json.Marshal(map[string]any{"properties": map[string]any{"virtualMachineProfile": profile}})
	if err != nil {
		return update, err
	}
	err = json.Unmarshal(text, &update)
	return update, err
}

func power() (any, error) {
	if _, err := end(vms.BeginDeallocate(background, group, "vm-b", nil)); err != nil {
		return nil, err
	}
	view, err := vms.InstanceView(background, group, "vm-b", nil)
	if err != nil {
		return nil, err
	}
	stopped := false
	for _, status := range view.Statuses {
		stopped = stopped || *status.Code == "PowerState/deallocated"
	}
	_, err = end(vms.BeginStart(background, group, "vm-b", nil))
	return []any{stopped}, err
}

func skus() (any, error) {
	for pager := skuList.NewListPager(nil); pager.More(); {
		page, err := pager.NextPage(background)
		if err != nil {
			return nil, err
		}
		for _, sku := range page.Value {
			if *sku.ResourceType == "virtualMachines" && *sku.Name == "Standard_D8s_v5" {
				return []any{true}, nil
			}
		}
	}
	return []any{false}, nil
}

// The tests have made the next creation of this disk fail after it was accepted.
func failingOperation() (any, error) {
	_, err := createDisk("failing", 4, nil)
	return refusal(err), nil
}

// The tests have made the first two GETs of this disk answer 429: the SDK waits and repeats them.
func throttled() (any, error) {
	if _, err := createDisk("throttled", 4, nil); err != nil {
		return nil, err
	}
	read, err := disks.Get(background, group, "throttled", nil)
	if err != nil {
		return nil, err
	}
	_, err = end(disks.BeginDelete(background, group, "throttled", nil))
	return *read.Name, err
}

func deletes() (any, error) {
	if _, err := end(disks.BeginDelete(background, group, "py-1", nil)); err != nil {
		return nil, err
	}
	_, err := disks.Get(background, group, "py-1", nil)
	return refusal(err), nil
}

func createDisk(name string, sizeGiB int32, source *string) (compute.Disk, error) {
	creation := &compute.CreationData{CreateOption: to.Ptr(compute.DiskCreateOptionEmpty)}
	if source != nil {
		creation = &compute.CreationData{CreateOption: to.Ptr(compute.DiskCreateOptionCopy), SourceResourceID: source}
	}
	made, err := end(disks.BeginCreateOrUpdate(background, group, name, compute.Disk{
		Location:   to.Ptr("eastus"),
		SKU:        &compute.DiskSKU{Name: to.Ptr(compute.DiskStorageAccountTypesPremiumLRS)},
		Properties: &compute.DiskProperties{CreationData: creation, DiskSizeGB: &sizeGiB},
	}, nil))
	return made.Disk, err
}

func updateVM(name string, ifMatch *string, entries ...*compute.DataDisk) error {
	change := compute.VirtualMachineUpdate{Properties: &compute.VirtualMachineProperties{StorageProfile: storage(entries)}}
	_, err := end(vms.BeginUpdate(background, group, name, change, &compute.VirtualMachinesClientBeginUpdateOptions{IfMatch: ifMatch}))
	return err
}

// storage is a list of data disks, which is sent even if it is empty.
func storage(entries []*compute.DataDisk) *compute.StorageProfile {
	return &compute.StorageProfile{DataDisks: append([]*compute.DataDisk{}, entries...)}
}

func updateInstance(id string, ifMatch *string, entries ...*compute.DataDisk) error {
	body := compute.VirtualMachineScaleSetVM{
		Location:   to.Ptr("eastus"),
		Properties: &compute.VirtualMachineScaleSetVMProperties{StorageProfile: storage(entries)},
	}
	_, err := end(instances.BeginUpdate(background, group, "pool", id, body,
		&compute.VirtualMachineScaleSetVMsClientBeginUpdateOptions{IfMatch: ifMatch}))
	return err
}

func entry(lun int32, disk string) *compute.DataDisk {
	return &compute.DataDisk{
		Lun:          &lun,
		CreateOption: to.Ptr(compute.DiskCreateOptionTypesAttach),
		ManagedDisk:  &compute.ManagedDiskParameters{ID: to.Ptr(diskID(disk))},
	}
}

func diskID(name string) string {
	return fmt.Sprintf("/subscriptions/%s/resourceGroups/%s/providers/Microsoft.Compute/disks/%s",
		os.Getenv("SUBSCRIPTION_ID"), group, name)
}

// ownerOf is the name of the VM that a disk names; nil: none.
func ownerOf(name string) (any, error) {
	disk, err := disks.Get(background, group, name, nil)
	if err != nil || disk.ManagedBy == nil {
		return nil, err
	}
	return (*disk.ManagedBy)[strings.LastIndex(*disk.ManagedBy, "/")+1:], nil
}

func refusal(err error) any {
	var refused *azcore.ResponseError
	if errors.As(err, &refused) {
		return []any{refused.StatusCode, refused.ErrorCode}
	}
	return fmt.Sprint("not refused: ", err)
}

// end waits for an operation. PollUntilDone takes no less than a second between two polls.
func end[T any](poller *runtime.Poller[T], err error) (T, error) {
	var none T
	if err != nil {
		return none, err
	}
	for !poller.Done() {
		if _, err := poller.Poll(background); err != nil {
			return none, err
		}
		time.Sleep(time.Millisecond)
	}
	return poller.Result(background)
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
