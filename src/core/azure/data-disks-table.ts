// Written by `npm run generate` from public answers of Azure's Resource SKUs API (capability
// MaxDataDiskCount of virtualMachines) of 2026-08. Never edited by hand; with an answer in a file:
// `az vm list-skus --all -o json > skus.json && npm run generate -- --vm-skus skus.json`.

/**
 * How many data disks VM sizes take: `d#s_v5 e#s_v5=4:2 8:4` says that Standard_D2s_v5 takes 4 and
 * Standard_D4s_v5 takes 8, and so in the series E. A row continues in lines that begin with a space.
 */
export const dataDisksTable = `
a#=1:0 2:1 4:2,5 8:3,6 16:4,7 32:8,10 64:9,11
a#_v2=2:0,1 4:2 8:4 16:8
a#_v2_gen2=2:1 4:2 8:4 16:8
a#m_v2 a#m_v2_gen2 d#ahs_v4 d#hs_v3=4:2 8:4 16:8
a#web35_v2 b#ls=2:1
a#web45_v2=2:2
a#web_v2=2:1,2,4
akv#=4:6,8
akv#_g4=32:126,192
akv#v1_g3=4:16 16:64 32:112
akv#v2=4:8
akv#v2_g3=32:64,112
b#afs_v2 b#ats_v2 b#fs_v2 b#pfs_v2 b#pts_v2 b#ts_v2 f#hs_v2=4:2
b#als_v2 b#as_v2 b#ls_v2 b#pls_v2 b#ps_v2 b#s_v2=4:2 8:4 16:8 32:16,32
b#hms=4:2 8:4
b#ms=2:1 4:2 8:4 16:8,12 32:16,20
b#s=2:1 4:2
basic_a#=1:0 2:1 4:2 8:3 16:4
d# ds#=4:1 8:2,11 16:3,12 32:4,13 64:14
d#_v2 ds#_v2=4:1 8:2,11 16:3,12 32:4,13 64:5,14,15
d#_v2_nested d#i_v2 ds#i_v2=64:15
d#_v3=4:2 8:4 16:8 32:16,32,48,64 40:40
d#_v4 d#d_v4 d#ds_v4 d#s_v3 d#s_v4 dx#as_v6=4:2 8:4 16:8 32:16,32,48,64
d#_v5 d#a_v3 d#a_v4 d#ads_v5 d#ads_v6 d#aeds_v6 d#alds_v5 d#alds_v6 d#als_v5 d#als_v6 d#ands_v7
 d#anlds_v7 d#anls_v7 d#ans_v7 d#aods_v6 d#as_v3 d#as_v4 d#as_v5 d#as_v6 d#d_v5 d#ds_v5 d#l_v5
 d#ld_v5 d#lds_v5 d#ls_v5 d#pds_v5 d#plds_v5 d#pls_v5 d#ps_v5 d#s_v5 dc#ads_v5 dc#ads_v6 dc#as_v5
 dc#as_v6 dc#eds_v5 dc#es_v5 e#a_v3 e#as_v3 e#bds_v5 e#bs_v5 ec#ads_v6 ec#as_v6=4:2 8:4 16:8
 32:16,32,48,64,96
d#ads_v7 d#alds_v7 d#als_v7 d#as_v7 e#ads_v7 e#as_v7=10:2 12:4 26:8 48:16 64:32,48,64,96,128,160
d#adus_v6 d#aldus_v6 e#adus_v6=32:32,64,96
d#adus_v7 d#aldus_v7 d#pdus_v7 d#pldus_v7 d#pndus_v7 d#pnldus_v7 e#adus_v7 e#pbdus_v7 e#pdus_v7
 e#pndus_v7 m# m#m m#ms_2_v4 m#s=64:64,128
d#darm_v3=8:2 12:4 24:8 48:16 64:32,48
d#ds_v6 d#s_v6=8:2 12:4 24:8 48:16 64:32,48,64,96,128,192
d#ds_v7 d#s_v7=10:2 12:4 26:8 48:16 64:32,48,64,96,124,128,186,192,248,256,360,372
d#dus_v6 d#ldus_v6 d#ndus_v6 d#nldus_v6 d#pdus_v6 d#pldus_v6 e#pdus_v6=64:32,64,96
d#dus_v7 d#ldus_v7=64:64,124,128,186,192,248,256
d#ids_v7 d#is_v7 dc#ieds_v7 dc#ies_v7 e#ids_v7 e#is_v7=64:360,372
d#lds_v6 d#ls_v6 d#nds_v6 d#nlds_v6 d#nls_v6 d#ns_v6 dc#eds_v6 dc#elds_v6 dc#els_v6 dc#es_v6
 e#nds_v6 e#ns_v6=8:2 12:4 24:8 48:16 64:32,48,64,96,128
d#lds_v7 d#ls_v7=10:2 12:4 26:8 48:16 64:32,48,64,96,124,128,186,192,248,256
d#pds_v6 d#plds_v6 d#pls_v6 d#pnds_v6 d#pnlds_v6 d#pnls_v6 d#pns_v6 d#ps_v6 e#pbds_v6 e#pbs_v6
 e#pds_v6 e#pnds_v6 e#pns_v6 e#ps_v6=8:2 12:4 24:8 48:16 64:32,48,64,96
d#pds_v7 d#plds_v7 d#pls_v7 d#pnds_v7 d#pnlds_v7 d#pnls_v7 d#pns_v7 d#ps_v7 e#pbds_v7 e#pbs_v7
 e#pds_v7 e#pnds_v7 e#pns_v7 e#ps_v7 l#ps_v5=4:1 8:2 12:4 24:8 48:16 64:32,48,64,96,128
dc# dc#s=2:2 4:4 8:8
dc#_v2=8:8
dc#ads_cc_v5 dc#as_cc_v5=8:4 16:8 32:16,32,48,64,96
dc#ads_v7 dc#alds_v7 dc#als_v7 dc#as_v7 ec#ads_v7 ec#as_v7=8:2 12:4 24:8 48:16
 64:32,48,64,96,128,160
dc#as_cc_v6=16:8 32:32
dc#as_v4=4:1,2 32:8,16,32,48,96
dc#dms_v3 dc#ms_v3=4:1 8:2 16:4 32:8,16,24,32
dc#ds_v3 dc#s_v3=4:1 8:2 16:4 32:8,16,24,32,48
dc#eds_v7 dc#es_v7=8:2 12:4 24:8 48:16 64:32,48,64,96,124,128,186,192,248,256,360,372
dc#s_v2=1:1 2:2 4:4
e#_v3 e#_v4 e#d_v4 e#ds_v4 e#s_v3 e#s_v4=4:2 8:4 16:8 32:16,20,32,48,64
e#_v5 e#a_v4 e#ads_v5 e#as_v4 e#as_v5 e#d_v5 e#ds_v5 e#pds_v5 e#ps_v5 e#s_v5 ec#ads_v5 ec#as_v5=4:2
 8:4 16:8 32:16,20,32,48,64,96
e#ads_v6 e#as_v6=4:2 8:4 16:8 32:16,20,32,48,64,96,128
e#ands_v7 e#ans_v7=4:2 8:4 16:8 32:16,32,48,64,96,128
e#bds_v6 e#bs_v6 e#ds_v6 e#s_v6=8:2 12:4 24:8 48:16,20 64:32,48,64,96,128
e#bdus_v6=64:64,96,128
e#darm_v3=8:2 12:4 24:8 48:16,20 64:32,48
e#ds_v7 e#s_v7=10:2 12:4 26:8 48:16,20 64:32,48,64,96,124,128,186,192,248,256,360
e#dus_v6 e#ndus_v6=64:32,64,96,128
e#dus_v7=64:124,128
e#i_v3 e#is_v3 hb#rs-128_v3=32:64
e#i_v5 e#id_v5 e#ids_v5 e#is_v5 l#is_v3=64:104
e#iadms_v5 e#ibds_v5 e#ibs_v5 l#ias_v3=64:112
e#iads_v5 e#ias_v5=32:96 64:112
e#iads_v6 e#ias_v6=64:144
e#iands_v7 e#ians_v7=64:188
e#ias_v4 ec#iads_v5 ec#ias_v5=32:96
e#ibds_v6 e#ibdus_v6 e#ibs_v6 e#ids_v6 e#idus_v6 e#inds_v6 e#is_v6 ec#ieds_v6 ec#ies_v6 l#is_v4
 m#idms_v2 m#ids_2_v3 m#ids_4_v3 m#ids_v2 m#ims_v2 m#is_2_v3 m#is_4_v3=64:192
e#ids_v4 e#is_v4=64:80
ec#ads_cc_v5 ec#as_cc_v5=8:4 16:8 32:16,20,32,48,64,96
ec#as_cc_v6 hb#rs-64_v3 m#dms_v3 m#dms_v4 m#ms_v3 m#tds_v2 m#tds_v3 m#ts m#ts_v2 m#ts_v3 m#ts_v4
 ng#adms_v620_v1=32:32
ec#eds_v5 ec#es_v5=4:2 8:4 16:8 32:16,32,48,64,128
ec#eds_v6 ec#es_v6=8:2 12:4 24:8 48:16 64:32,48,64,128
ec#eds_v7 ec#es_v7=8:2 12:4 24:8 48:16,32 64:48,64,96,124,128,186,192,248,256
ec#iads_v7 ec#ias_v7 l#iaos_v5 l#iaous_v5=64:160
ec#ieds_v5 ec#ies_v5 hb#rs-256_v3=32:128
f# f#s=4:1 8:2 16:4 32:8 64:16
f#ads_v6 f#alds_v6 f#als_v6 f#as_v6=2:1 4:2 8:4 16:8 32:16,32,48,64,72
f#ads_v7 f#alds_v7 f#als_v7 f#amds_v7 f#ams_v7 f#as_v7=10:1 12:2 26:4 48:8 64:16,32,48,64,80
f#adus_v7 f#aldus_v7 f#amdus_v7=64:32,64
f#amds_v6 f#ams_v6=2:1 4:2 8:4 16:8 32:16,32,48,64
f#ds_v6 f#lds_v6 f#ls_v6 f#mds_v6 f#ms_v6 f#s_v6=4:1 8:2 12:4 24:8 48:16 64:32,48,64,96
f#ds_v7 f#lds_v7 f#ls_v7 f#mds_v7 f#ms_v7 f#s_v7=4:1 8:2 12:4 24:8 48:16
 64:32,48,62,64,93,96,124,128
f#fs_v2 f#iamds_v6 f#iams_v6=32:72
f#s_v2=4:2 8:4 16:8 32:16,32,48,64,72
fx#mds=8:4 24:12 32:24,36,48
fx#mds_v2 fx#ms_v2=8:2 12:4 24:8 48:12,16,24 64:32,48,64,96
fx#mdus_v2 m#bds_1_v3 m#dms_1_v4 m#dms_2_v4 m#ms_1_v4 m#pdus_v4=64:64
g# gs#=8:1 16:2 32:3 64:4,5
h# h#m=32:8 64:16
h#mr h#r=64:16
hb#fc-144rs_v5 hb#fc-192rs_v5 hb#fc-240rs_v5 hb#fc-288rs_v5 hb#fc-336rs_v5 hb#fc-48rs_v5
 hb#fc-96rs_v5=32:368
hb#fcrs_v5 hb#rs_v5=32:352,368
hb#rs=4:60
hb#rs-112_v3=32:56
hb#rs-224_v3=32:112
hb#rs-240_v3 hb#rs_v2=32:120
hb#rs-56_v3=32:28
hb#rs_v3=32:28,32,56,64,112,120,128
hb#rs_v4 hb#s_v4 hx#rs hx#s=32:176
hc#rs=4:44
hd#rs hd#s=32:352,360,368,376,704,720,736,752
l#aes_v4 l#aos_v4=4:2 8:4 16:8,12 32:16,24,32
l#als_v4 l#as_v4=4:2 8:4 16:8 32:16,32,48,64,80,96
l#als_v5 l#as_v5=10:2 12:4 26:8 48:16 64:32,48,64,80,96,128
l#aos_v5 l#aous_v5=10:2 12:4 26:8 36:12 48:16 64:24,32,48,64,96,128
l#aous_v4=32:16,32
l#as_v3 l#s_v2 l#s_v3=16:8 32:16,32,48,64,80
l#aus_v4=32:16,32,48,64,80,96
l#ias_v5=64:128,160
l#is_v2=32:88
l#is_v5=64:248,360,372
l#s=16:4 32:8 64:16,32
l#s_v4=8:2 12:4 24:8 48:16 64:32,48,64,80,96
l#s_v5=10:2 12:4 26:8 48:16 64:32,48,64,80,96,124,128,186,192,248
l#us_v4=48:16 64:32,48,64,80,96
m#bds_1_v4 m#bs_1_v4=64:64,76,96,128
m#bds_2_v3=64:96
m#bds_2_v4 m#bs_2_v4=64:96,128,152,256
m#bds_3_v3=64:128,176
m#bds_3_v4 m#bs_3_v4=64:128,228,304
m#bds_4_v3 m#ds_8_v4=64:176
m#bds_4_v4 m#bs_4_v4=64:176,256,304
m#bds_v3=64:16,32,48,64,96,128,176
m#bds_v4 m#bs_v4=64:16,32,38,48,64
m#bs_2_v3=64:208
m#bs_3_v3=64:176,312
m#bs_4_v3 m#ds_10_v3 m#ds_16_v3 m#ds_8_v3 m#ds_9_v3 m#s_10_v2 m#s_10_v3 m#s_16_v3 m#s_8_v2 m#s_8_v3
 m#s_9_v2 m#s_9_v3=64:416
m#bs_v3=64:16,32,48,64,96,128,176,208,312,416
m#dms_4_v4 m#ms_4_v4=64:128
m#dms_v2=32:32 64:64,128,192
m#ds_12_v3 m#s_12_v3=64:416,624,832
m#ds_1_v3 m#s_1_v3=32:32 64:48,64,96
m#ds_1_v4 m#s_1_v4=64:48,64,96
m#ds_2_v3 m#s_2_v3=64:64,96,128,144,176,192
m#ds_2_v4=64:76,96,128
m#ds_3_v3 m#s_3_v3=64:176,208
m#ds_3_v4 m#s_3_v4=64:128,208
m#ds_4_v3 m#s_4_v3=64:128,144,176,192,208
m#ds_4_v4=64:152,176,256
m#ds_5_v4 m#dsx_5_v4 m#s_5_v4=64:216
m#ds_6_v3 m#s_6_v3=64:208,416
m#ds_6_v4 m#ds_7_v4 m#dsx_6_v4 m#dsx_7_v4 m#s_7_v4=64:304
m#ds_v2=64:64,128,192
m#ds_v3 m#s_v3=8:8 16:16 64:12,24,64,96,176
m#ds_v4 m#s_v4=64:12,16,24,32,36,48,64,96,128,160,192,256,320,384,416,448,512,576
m#ids_16_v3 m#is_16_v3=64:832
m#is_v2=64:192,416
m#ixds_24_v3 m#xds_16_v3=64:832,896
m#ixds_32_v3=64:832,896,1664,1792
m#ixds_pre_32_v3=64:832,1664
m#ixs=64:832,864
m#ixs_v2=64:420,832,840
m#lds_v2 m#ls m#ls_v2=32:32 64:64
m#lds_v4 m#ls_v4=64:16,24,32,48,64,96,128,192,256,320,384,448,512,576
m#mds_v2 ng#ads_v620l_v1 nv#ads_v620l_v5=8:8 16:16
m#mds_v4=64:32,64,192,320,384
m#ms=8:8 16:16 32:32 64:64,128
m#ms_v2=8:8 16:16,24 32:32,48 64:64,96,128,192,208,416
m#ms_v4=8:8 16:16 64:32,64,192,320,384
m#pds_v4 m#ps_v4=4:1 8:2 12:4 24:8 48:16 64:32,48,64,84,96,128
m#s_2_v4=64:96,128
m#s_4_v4=64:176,256
m#s_6_v4=64:256,304
m#s_v2=16:24 32:48 64:64,96,128,192,208,416
m#xs_v2=64:352,384,416,420
mdb#s=16:16 32:32
msodsg#=32:5
nc# nv#=24:6 48:12 64:24
nc#adis_h100_v5=16:80
nc#ads_a100_v4 ncc#ads_a100_v4=8:24 16:48 32:96
nc#ads_a10_v4 ng#ads_v620_v1=8:8 16:16 32:32
nc#ads_h100_v5 nd#rs_v2=8:40
nc#as_a100_v4 nd#ams_a100_flex_v4 nd#ams_a100_v4 nd#amsf_a100_v4 nd#amsr_a100_flex_v4
 nd#amsrf_a100_v4 nd#asr_mi200_v4 nd#asr_v4 nd#is_flex_h100_v5 nd#is_h100_v5 nd#is_h200_v5
 nd#is_mi300x_v5 nd#is_mi300xhf_v5 nd#is_noib_h100_v5 nd#is_noib_mi300x_v5 nd#isf_h100_v5
 nd#isf_h200_v5 nd#isf_mi300x_v5 nd#isf_mi300xhf_v5 nd#isr_h100_v5 nd#isr_h200_v5
 nd#isr_infe_h100_v5 nd#isr_mi300x_v5 nd#isr_mi300xhf_v5 nd#isrf_h100_v5 nd#isrf_h200_v5
 nd#isrf_mi300x_v5 nd#isrf_mi300xhf_v5 ndc#is_h200_v5 ndc#isf_h200_v5 ndc#isr_h200_v5
 ndc#isrf_h200_v5=16:96
nc#as_t4_v3=8:4 16:8 32:16,64
nc#ds_rtxpro6000bse_v6=1:12 2:18
nc#ds_xl_rtxpro6000bse_v6=1:32,36 2:64,72,132,144,264,288,324 8:128 16:256,320
nc#lds_xl_rtxpro6000bse_v6=1:16,24,32,36 2:64,72,132,144,264,288,324 8:128 16:256,320
nc#r=64:24
nc#rs_v2 nc#rs_v3 nd#rs=32:24
nc#s_rtxpro6000bse_v6=1:6
nc#s_v2 nc#s_v3 nd#s nv#s_v2 pb#s=12:6 24:12 32:24
ncc#acds_a100_v4=8:24
ncc#ads_h100_v5=8:40 16:80
nd#amsr_a100_v4 nd#asr_a100_v4=16:96,112,120
nd#is_gb200_v6 nd#is_gb300_v6 nd#isf_gb200_v6 nd#isf_gb300_v6 nd#isfg5_gb300_v6 nd#isg5_gb300_v6
 nd#isr_eth_gb200_v6 nd#isr_gb300_v6 nd#isr_ndr_gb200_v6 nd#isrf_eth_gb200_v6 nd#isrf_gb300_v6
 nd#isrf_ndr_gb200_v6 nd#isrfg5_gb300_v6 nd#isrg5_gb300_v6=16:128
nd#s_v2 nd#s_v3=32:40
nm#ads_ma35d=8:16 32:320
np#=8:12 32:48
np#s=8:10 16:20 32:40
nv#adms_a10_v5=16:20 24:30 32:36
nv#adms_v710_v5=14:28
nv#ads_a10_v5=4:4,6 8:10,12 16:18,20 24:30 32:36,40,72
nv#ads_v710_v5=2:4 4:8 6:12 12:24 14:28
nv#ahs_v4 nv#as_v4=8:4 16:8 32:16,32
nv#h nv#hs_v2=12:6
nv#hs_v3=12:12
nv#ms_v3=24:24 32:32
nv#s_v3=12:12 24:24 32:48
`;
