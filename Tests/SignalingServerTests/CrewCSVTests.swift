import SessionRules
import Testing

@testable import SignalingServer

@Suite struct CrewCSVTests {
    @Test(arguments: [
        ("A. Example", "A. Example"), ("a-b", "a-b"), ("=1+1", "'=1+1"), ("@SUM(A1)", "'@SUM(A1)"),
        ("a;=1+1", "\"a;'=1+1\""), ("a;;-1", "\"a;;'-1\""), ("a\t+1", "\"a\t'+1\""), ("a\r\n=1", "\"a\r\n'=1\""),
        ("\tx", "\"'\tx\""), ("say \"hi\"", "\"say \"\"hi\"\"\""), ("a,=1", "\"a,=1\""), ("", ""), ("é=", "é="),
    ]) func aFormulaIsMarkedWhereverACellMayBegin(text: String, field: String) {
        #expect(CrewCSV.field(text) == field)
    }
}
