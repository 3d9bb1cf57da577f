/// One file of the monitor console, compiled into the program, so that the one binary is all there is to install.
public struct ConsoleFile: Sendable {
    /// Below the console's root: `index.html`, `net/socketio.js`.
    public let path: String
    public let contentType: String
    public let body: [UInt8]

    private init(_ path: String, _ body: [UInt8]) {
        self.path = path
        self.body = body
        contentType =
            switch path.split(separator: ".").last {
            case "html": "text/html; charset=utf-8"
            case "js": "text/javascript; charset=utf-8"
            case "css": "text/css; charset=utf-8"
            case "svg": "image/svg+xml"
            default: "application/octet-stream"
            }
    }

    public static let all = [
        ConsoleFile("index.html", PackageResources.index_html),
        ConsoleFile("boot.js", PackageResources.boot_js),
        ConsoleFile("favicon.svg", PackageResources.favicon_svg),
        ConsoleFile("main.js", PackageResources.main_js),
        ConsoleFile("app/entrance.js", PackageResources.entrance_js),
        ConsoleFile("app/keys.js", PackageResources.keys_js),
        ConsoleFile("app/leaving.js", PackageResources.leaving_js),
        ConsoleFile("app/line.js", PackageResources.line_js),
        ConsoleFile("app/page.js", PackageResources.page_js),
        ConsoleFile("app/poses.js", PackageResources.poses_js),
        ConsoleFile("app/records.js", PackageResources.records_js),
        ConsoleFile("app/room.js", PackageResources.room_js),
        ConsoleFile("app/router.js", PackageResources.router_js),
        ConsoleFile("app/sessions.js", PackageResources.sessions_js),
        ConsoleFile("app/sets.js", PackageResources.sets_js),
        ConsoleFile("app/tour.js", PackageResources.tour_js),
        ConsoleFile("media/figures.js", PackageResources.figures_js),
        ConsoleFile("media/meter.js", PackageResources.meter_js),
        ConsoleFile("media/picturewatch.js", PackageResources.picturewatch_js),
        ConsoleFile("media/revival.js", PackageResources.revival_js),
        ConsoleFile("media/session.js", PackageResources.session_js),
        ConsoleFile("media/streamlines.js", PackageResources.streamlines_js),
        ConsoleFile("net/account.js", PackageResources.account_js),
        ConsoleFile("net/addaccount.js", PackageResources.addaccount_js),
        ConsoleFile("net/api.js", PackageResources.api_js),
        ConsoleFile("net/crewcsv.js", PackageResources.crewcsv_js),
        ConsoleFile("net/remotelist.js", PackageResources.remotelist_js),
        ConsoleFile("net/roster.js", PackageResources.roster_js),
        ConsoleFile("net/serverclock.js", PackageResources.serverclock_js),
        ConsoleFile("net/socketio.js", PackageResources.socketio_js),
        ConsoleFile("net/tab.js", PackageResources.tab_js),
        ConsoleFile("state/connection.js", PackageResources.connection_js),
        ConsoleFile("state/crew.js", PackageResources.crew_js),
        ConsoleFile("state/health.js", PackageResources.health_js),
        ConsoleFile("state/kiosks.js", PackageResources.kiosks_js),
        ConsoleFile("state/listing.js", PackageResources.listing_js),
        ConsoleFile("state/payload.js", PackageResources.payload_js),
        ConsoleFile("state/readings.js", PackageResources.readings_js),
        ConsoleFile("state/records/accounts.js", PackageResources.accounts_js),
        ConsoleFile("state/records/audit.js", PackageResources.audit_js),
        ConsoleFile("state/records/bulk.js", PackageResources.bulk_js),
        ConsoleFile("state/records/crewlog.js", PackageResources.crewlog_js),
        ConsoleFile("state/records/csv.js", PackageResources.csv_js),
        ConsoleFile("state/records/remote.js", PackageResources.remote_js),
        ConsoleFile("state/routes.js", PackageResources.routes_js),
        ConsoleFile("state/sound.js", PackageResources.sound_js),
        ConsoleFile("state/status.js", PackageResources.status_js),
        ConsoleFile("state/store.js", PackageResources.store_js),
        ConsoleFile("styles/console.css", PackageResources.console_css),
        ConsoleFile("styles/records.css", PackageResources.records_css),
        ConsoleFile("views/connectionlight.js", PackageResources.connectionlight_js),
        ConsoleFile("views/crewfeed.js", PackageResources.crewfeed_js),
        ConsoleFile("views/graph.js", PackageResources.graph_js),
        ConsoleFile("views/kiosklist.js", PackageResources.kiosklist_js),
        ConsoleFile("views/layout.js", PackageResources.layout_js),
        ConsoleFile("views/navigation.js", PackageResources.navigation_js),
        ConsoleFile("views/pages.js", PackageResources.pages_js),
        ConsoleFile("views/panels.js", PackageResources.panels_js),
        ConsoleFile("views/picture.js", PackageResources.picture_js),
        ConsoleFile("views/records/askdialog.js", PackageResources.askdialog_js),
        ConsoleFile("views/records/auditpage.js", PackageResources.auditpage_js),
        ConsoleFile("views/records/bulkdialog.js", PackageResources.bulkdialog_js),
        ConsoleFile("views/records/crewpage.js", PackageResources.crewpage_js),
        ConsoleFile("views/records/dom.js", PackageResources.dom_js),
        ConsoleFile("views/records/filters.js", PackageResources.filters_js),
        ConsoleFile("views/records/kioskpage.js", PackageResources.kioskpage_js),
        ConsoleFile("views/records/peoplepage.js", PackageResources.peoplepage_js),
        ConsoleFile("views/records/remotestate.js", PackageResources.remotestate_js),
        ConsoleFile("views/records/rows.js", PackageResources.rows_js),
        ConsoleFile("views/records/sessionstory.js", PackageResources.sessionstory_js),
        ConsoleFile("views/records/sessiontable.js", PackageResources.sessiontable_js),
        ConsoleFile("views/records/tabs.js", PackageResources.tabs_js),
        ConsoleFile("views/replacing.js", PackageResources.replacing_js),
        ConsoleFile("views/setsdialog.js", PackageResources.setsdialog_js),
        ConsoleFile("views/settings.js", PackageResources.settings_js),
        ConsoleFile("views/tile.js", PackageResources.tile_js),
        ConsoleFile("views/tilefigures.js", PackageResources.tilefigures_js),
        ConsoleFile("views/tools.js", PackageResources.tools_js),
        ConsoleFile("views/wall.js", PackageResources.wall_js),
        ConsoleFile("words/en.js", PackageResources.en_js),
        ConsoleFile("words/enpages.js", PackageResources.enpages_js),
        ConsoleFile("words/hi.js", PackageResources.hi_js),
        ConsoleFile("words/hipages.js", PackageResources.hipages_js),
        ConsoleFile("words/language.js", PackageResources.language_js),
        ConsoleFile("words/recordtexts.js", PackageResources.recordtexts_js),
        ConsoleFile("words/texts.js", PackageResources.texts_js),
    ]
}
