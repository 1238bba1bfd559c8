"""Topics of ecosystems that do not describe themselves, and the units of their documents. Tables.

A level `*` is kept as it is; `{device}`, `{n}`, `{field*}` as in a route. The first that fits is used.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.probe.values import RawUnit


@dataclass(frozen=True, slots=True)
class TopicLayout:
    """`filter`, the template of the device, and the name of its table of units. `path`: the device stands in the
    message. `documents`: True = JSON alone, False = bare values alone."""

    filter: str
    device: str
    table: str = ""
    path: str = ""
    documents: bool | None = None


LAYOUTS = (
    TopicLayout("teslamate/cars/{car}/{field*}", "car-{car}", "teslamate"),
    TopicLayout("teslamate/{space}/cars/{car}/{field*}", "{space}-car-{car}", "teslamate"),
    TopicLayout("ovms/{user}/{device}/metric/{field*}", "{device}", "ovms"),
    TopicLayout("evcc/loadpoints/{n}/{field*}", "evcc-loadpoint-{n}", "evcc"),
    TopicLayout("evcc/vehicles/{device}/{field*}", "{device}", "evcc"),
    TopicLayout("evcc/site/{field*}", "evcc-site", "evcc"),
    TopicLayout("mbmd/{device}/{field*}", "{device}", "mbmd"),
    TopicLayout("openWB/lp/{n}/{field*}", "openwb-lp-{n}", "openwb"),
    TopicLayout("openWB/chargepoint/{n}/get/{field*}", "openwb-chargepoint-{n}", "openwb"),
    TopicLayout("openWB/counter/{n}/get/{field*}", "openwb-counter-{n}", "openwb"),
    TopicLayout("openWB/bat/{n}/get/{field*}", "openwb-bat-{n}", "openwb"),
    TopicLayout("openWB/pv/{n}/get/{field*}", "openwb-pv-{n}", "openwb"),
    TopicLayout("tele/{device}/*", "{device}", "tasmota", documents=True),
    TopicLayout("stat/{device}/{field}", "{device}", "tasmota", documents=False),
    TopicLayout("shellies/{device}/{field*}", "{device}", "shelly1"),
    TopicLayout("{prefix}/events/rpc", "src", "shelly2", "src", documents=True),
    TopicLayout("{device}/status/*:{n}", "{device}", "shelly2", documents=True),
    TopicLayout("zigbee2mqtt/{device}", "{device}", "zigbee2mqtt"),
    TopicLayout("homie/5/{device}/{field*}", "{device}"),
    TopicLayout("homie/{device}/{field*}", "{device}"),
    TopicLayout("application/{app}/device/{device}/*", "{device}", "lorawan"),
    TopicLayout("application/{app}/device/{device}/*/*", "{device}", "lorawan"),
    TopicLayout("v3/{app}/devices/{device}/*", "{device}", "lorawan"),
    TopicLayout("gbt32960/{device}/upstream/*", "{device}", "gbt32960"),
    TopicLayout("jt808/{phone}/{device}/up", "{device}", "jt808"),
    TopicLayout("ocpp/cp/{device}", "{device}"),
    TopicLayout("ocpp/{device}/up/*", "{device}"),
    TopicLayout("v1/devices/me/*", "thingsboard-device"),
    TopicLayout("N/{portal}/{service}/{instance}/{field*}", "{service}-{instance}", "victron"),
    TopicLayout("{device}/sensor/{field}/state", "{device}", documents=False),
    TopicLayout("{device}/binary_sensor/{field}/state", "{device}", documents=False),
    TopicLayout("{device}/switch/{field}/state", "{device}", documents=False),
    TopicLayout("go-eCharger/{device}/{field*}", "{device}", "goe"),
    TopicLayout("/go-eCharger/{device}/{field*}", "{device}", "goe"),
    TopicLayout("owntracks/{user}/{device}", "{device}", "owntracks"),
)


def _units(text: str) -> dict[str, RawUnit]:
    """`key unit key unit …`"""
    words = text.split()
    return {key: RawUnit(unit) for key, unit in zip(words[::2], words[1::2], strict=True)}


_NO_BYTE, _NO_WORD = (254.0, 255.0), (65_534.0, 65_535.0)
TABLES: Mapping[str, Mapping[str, RawUnit]] = {
    # tasmota.github.io/docs/MQTT, Energy-Saving, Sensor API
    "tasmota": _units(
        "Power W ApparentPower VA ReactivePower var Voltage V Current A Total kWh Yesterday kWh Today kWh Frequency Hz "
        "Humidity pct Illuminance lux CarbonDioxide ppm Signal dBm Wifi.RSSI pct ExportActive kWh ExportReactive kvarh "
        "ImportActive kWh ImportReactive kvarh PhaseAngle deg TIC.HCHP Wh TIC.HCHC Wh TIC.BASE Wh TIC.PAPP VA "
        "TIC.IINST A TIC.IMAX A TIC.ISOUSC A"
    ),
    # shelly-api-docs.shelly.cloud/gen1: energy of relays in watt-minutes
    "shelly1": _units(
        "power W energy W*min total Wh total_returned Wh voltage V current A temperature degC temperature_f degF "
        "reactive_power var humidity pct lux lux battery pct rssi dBm"
    ),
    # shelly-api-docs.shelly.cloud/gen2: components Switch, EM, EM1, PM1, Temperature, Humidity, DevicePower
    "shelly2": _units(
        "apower W voltage V current A freq Hz aenergy.total Wh ret_aenergy.total Wh tC degC tF degF act_power W "
        "aprt_power VA total_act_energy Wh total_act_ret_energy Wh a_act_power W b_act_power W c_act_power W "
        "a_aprt_power VA b_aprt_power VA c_aprt_power VA total_act_power W total_aprt_power VA a_voltage V b_voltage V "
        "c_voltage V a_current A b_current A c_current A total_current A a_freq Hz b_freq Hz c_freq Hz rh pct lux lux "
        "percent pct total_act Wh total_act_ret Wh a_total_act_energy Wh b_total_act_energy Wh c_total_act_energy Wh"
    ),
    # zigbee2mqtt.io: usual exposes; a device's own list (bridge/devices) goes before it
    "zigbee2mqtt": _units(
        "power W energy kWh current A battery pct pressure hPa device_temperature degC local_temperature degC "
        "temperature degC humidity pct soil_moisture pct illuminance lux illuminance_lux lux co2 ppm"
    ),
    # docs.teslamate.org/docs/integrations/mqtt
    "teslamate": _units(
        "battery_level pct usable_battery_level pct charge_energy_added kWh charge_limit_soc pct odometer km "
        "est_battery_range_km km rated_battery_range_km km ideal_battery_range_km km inside_temp "
        "degC outside_temp degC "
        "driver_temp_setting degC passenger_temp_setting degC charger_power kW charger_voltage V "
        "charger_actual_current A charge_current_request A charge_current_request_max A "
        "time_to_full_charge h speed km/h "
        "power kW elevation m latitude deg longitude deg heading deg tpms_pressure_fl bar tpms_pressure_fr bar "
        "tpms_pressure_rl bar tpms_pressure_rr bar energy_at_arrival pct miles_to_arrival mi minutes_to_arrival min"
    ),
    # docs.openvehicles.com: userguide, metrics
    "ovms": _units(
        "v/b/soc pct v/b/soh pct v/b/voltage V v/b/current A v/b/power kW v/b/temp degC v/b/12v/voltage V "
        "v/b/12v/current A v/b/range/est km v/b/range/ideal km v/b/energy/used kWh v/b/energy/recd kWh v/b/cac Ah "
        "v/c/voltage V v/c/current A v/c/power kW v/c/kwh kWh v/c/temp degC v/p/odometer km v/p/speed km/h "
        "v/p/latitude deg v/p/longitude deg v/p/altitude m v/e/temp degC v/e/cabintemp degC v/m/temp degC v/i/temp degC"
    ),
    # docs.evcc.io: integrations, mqtt-api
    "evcc": _units(
        "chargePower W chargedEnergy Wh chargeCurrent A maxCurrent A minCurrent A offeredCurrent A vehicleSoc pct "
        "limitSoc pct effectiveLimitSoc pct vehicleRange km vehicleOdometer km chargeTotalImport kWh range km "
        "odometer km soc pct capacity kWh power W energy kWh gridPower W homePower W pvPower W batteryPower W "
        "batterySoc pct batteryEnergy kWh pvEnergy kWh gridEnergy kWh grid/power W grid/energy kWh grid/currents/1 A "
        "grid/currents/2 A grid/currents/3 A chargeRemainingEnergy Wh chargeDuration s sessionEnergy Wh "
        "connectedDuration s auxPower W residualPower W"
    ),
    # github.com/volkszaehler/mbmd: measurements
    "mbmd": _units(
        "Power W Power/L1 W Power/L2 W Power/L3 W Voltage V Voltage/L1 V Voltage/L2 V Voltage/L3 V Current A "
        "Current/L1 A Current/L2 A Current/L3 A ImportPower W ExportPower W ReactivePower var ReactivePower/L1 var "
        "ReactivePower/L2 var ReactivePower/L3 var ApparentPower VA Import kWh Import/L1 kWh "
        "Import/L2 kWh Import/L3 kWh "
        "Export kWh Export/L1 kWh Export/L2 kWh Export/L3 kWh Sum kWh Sum/L1 kWh Sum/L2 kWh Sum/L3 kWh Frequency Hz "
        "ChargeState pct DCCurrent A DCVoltage V DCPower W HeatSinkTemp degC"
    ),
    # github.com/snaptec/openWB: docs/mqttopenwb
    "openwb": _units(
        "W W %Soc pct APhase1 A APhase2 A APhase3 A VPhase1 V VPhase2 V VPhase3 V kWhCounter kWh kWhActualCharged kWh "
        "kWhChargedSincePlugged kWh kWhDailyCharged kWh energyConsumptionPer100km kWh AConfigured A power W currents A "
        "imported Wh exported Wh daily_imported Wh daily_exported Wh frequency Hz soc pct evse_current A"
    ),
    # github.com/victronenergy/dbus-mqtt, wiki "dbus"
    "victron": _units(
        "Dc/0/Voltage V Dc/0/Current A Dc/0/Power W Dc/0/Temperature degC Soc pct Ac/Power W "
        "Ac/L1/Power W Ac/L2/Power W "
        "Ac/L3/Power W Ac/L1/Voltage V Ac/L2/Voltage V Ac/L3/Voltage V Ac/L1/Current A Ac/L2/Current A Ac/L3/Current A "
        "Ac/Energy/Forward kWh Ac/Energy/Reverse kWh Temperature degC Humidity pct"
    ),
    "goe": _units("eto Wh wh Wh amp A cbl A"),  # github.com/goecharger/go-eCharger-API-v2
    "owntracks": _units("lat deg lon deg batt pct vel km/h alt m acc m cog deg"),  # owntracks.org/booklet/tech/json
    "lorawan": _units("rssi dBm snr dB loRaSNR dB frequency Hz"),
    # GB/T 32960.3-2016, tables 7.2.3; EMQX hands the raw numbers on
    "gbt32960": {
        "Vehicle.Speed": RawUnit("km/h", 0.1, 0, _NO_WORD),
        "Vehicle.Mileage": RawUnit("km", 0.1, 0, (4_294_967_294.0, 4_294_967_295.0)),
        "Vehicle.Voltage": RawUnit("V", 0.1, 0, _NO_WORD),
        "Vehicle.Current": RawUnit("A", 0.1, -1000, _NO_WORD),
        "Vehicle.SOC": RawUnit("pct", 1, 0, _NO_BYTE),
        "Vehicle.Resistance": RawUnit("kohm"),
        "Location.Latitude": RawUnit("deg", 1e-6),
        "Location.Longitude": RawUnit("deg", 1e-6),
        "Extreme.MaxTemp": RawUnit("degC", 1, -40, _NO_BYTE),
        "Extreme.MinTemp": RawUnit("degC", 1, -40, _NO_BYTE),
        "Extreme.MaxBatteryVoltage": RawUnit("V", 0.001, 0, _NO_WORD),
        "Extreme.MinBatteryVoltage": RawUnit("V", 0.001, 0, _NO_WORD),
        "Alarm.MaxAlarmLevel": RawUnit("", 1, 0, _NO_BYTE),
    },
    # JT/T 808-2019, table 23; EMQX hands the raw numbers on
    "jt808": {
        "latitude": RawUnit("deg", 1e-6),
        "longitude": RawUnit("deg", 1e-6),
        "altitude": RawUnit("m"),
        "speed": RawUnit("km/h", 0.1),
        "direction": RawUnit("deg"),
        "extra.mileage": RawUnit("km", 0.1),
        "extra.fuel_meter": RawUnit("L", 0.1),
    },
}  # fmt: skip
