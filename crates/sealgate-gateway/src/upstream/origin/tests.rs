use super::*;

fn spec(address: &str) -> OriginSpec {
    OriginSpec { connect: vec![Address::Ip(address.parse().unwrap())], tls: None }
}

fn tls(spec: OriginSpec, tls: TlsSpec) -> OriginSpec {
    OriginSpec { tls: Some(tls), ..spec }
}

fn system(server_name: &str) -> TlsSpec {
    TlsSpec {
        server_name: server_name.to_owned(),
        subject_names: Vec::new(),
        trust: Trust::System,
        client: None,
        versions: sealgate_config::resolved::TlsVersions::Both,
    }
}

#[test]
fn equal_descriptions_are_one_origin() {
    let origins = Origins::default();
    let one = Origin::intern(&origins, spec("127.0.0.1:1")).unwrap();
    let same = Origin::intern(&origins, spec("127.0.0.1:1")).unwrap();
    let other = Origin::intern(&origins, spec("127.0.0.1:2")).unwrap();
    assert!(Arc::ptr_eq(&one, &same));
    assert_ne!(one.slot(), other.slot());
}

#[test]
fn ids_stay_dense_and_serials_are_never_taken_again() {
    let origins = Origins::default();
    let first = Origin::intern(&origins, spec("127.0.0.1:1")).unwrap().slot();
    let second = Origin::intern(&origins, spec("127.0.0.1:2")).unwrap().slot();
    assert_eq!(first.0, second.0);
    assert_ne!(first.1, second.1);
}

#[test]
fn the_system_trust_store_is_not_loaded_before_it_is_needed() {
    let origins = Origins::default();
    for name in ["one.test", "two.test"] {
        Origin::intern(&origins, tls(spec("127.0.0.1:1"), system(name))).unwrap();
    }
}

#[test]
fn addresses_take_turns() {
    let connect: Vec<_> =
        ["127.0.0.1:1", "127.0.0.1:2"].map(|a| Address::Ip(a.parse().unwrap())).into();
    let spec = OriginSpec { connect: connect.clone(), tls: None };
    let origin = Origin::intern(&Origins::default(), spec).unwrap();
    let turn = || origin.addresses().cloned().collect::<Vec<_>>();
    assert_eq!(turn(), connect);
    assert_eq!(turn(), [connect[1].clone(), connect[0].clone()]);
}

#[test]
fn unusable_material_is_refused_with_a_reason() {
    let origins = Origins::default();
    let refuse = |tls_spec: TlsSpec| {
        Origin::intern(&origins, tls(spec("127.0.0.1:1"), tls_spec)).unwrap_err().to_string()
    };
    assert!(refuse(system("not a name")).contains("server name"));
    let pem = |pem: &str| Trust::Pem(pem.as_bytes().into());
    for text in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"] {
        let refused = refuse(TlsSpec { trust: pem(text), ..system("mcp.test") });
        assert!(refused.contains("authorities cannot be read"), "{refused}");
    }
    let client = ClientIdentity { certificates: Vec::new(), key: Secret::new("hunter2") };
    let refused = refuse(TlsSpec { client: Some(client), ..system("mcp.test") });
    assert!(refused.contains("client certificate") && !refused.contains("hunter2"), "{refused}");
    let nowhere = OriginSpec { connect: Vec::new(), tls: None };
    assert!(matches!(Origin::intern(&origins, nowhere), Err(OriginError::NoAddress)));
}

#[test]
fn keys_do_not_print() {
    let client = ClientIdentity { certificates: Vec::new(), key: Secret::new("hunter2") };
    let spec = TlsSpec { client: Some(client), ..system("mcp.test") };
    assert!(!format!("{spec:?}").contains("hunter2"));
}

#[test]
fn the_host_of_an_authority_has_neither_port_nor_brackets() {
    for (authority, host) in
        [("a.test", "a.test"), ("a.test:8443", "a.test"), ("[::1]:1", "::1"), ("[::1]", "::1")]
    {
        assert_eq!(host_of(authority), host);
    }
}
